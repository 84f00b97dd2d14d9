//! The values that a setting can have, as Kafka reads them.

/// What kind of value a setting takes, in the numbers of DescribeConfigs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub enum Kind {
    /// `true` or `false`.
    Boolean = 1,
    /// Text.
    String = 2,
    /// 32 bits.
    Int = 3,
    /// 64 bits.
    Long = 5,
    /// A fraction.
    Double = 6,
    /// Words with commas.
    List = 7,
}

/// The values that a setting can have.
#[derive(Debug, Clone, Copy)]
pub enum Values {
    /// `true` or `false`.
    Boolean,
    /// Whole numbers of 32 bits, from and to.
    Int(i64, i64),
    /// Whole numbers of 64 bits, from and to.
    Long(i64, i64),
    /// -1 or 1 to 9, as levels of gzip are.
    GzipLevel,
    /// Fractions from 0 to 1.
    Ratio,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Any of these words, each once; none of them, too.
    AnyOf(&'static [&'static str]),
    /// `partition:broker`, any number of them, or `*` for all.
    Replicas,
    /// This one alone, since the broker could not keep what another one promises: the kind, the value and the reason.
    Only(Kind, &'static str, &'static str),
}

/// Most bytes of a value: what is kept of a topic is read whole, and told to whoever asks.
const MAX_BYTES: usize = 16 * 1024;

impl Values {
    /// What kind of value it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Boolean => Kind::Boolean,
            Self::Int(..) | Self::GzipLevel => Kind::Int,
            Self::Long(..) => Kind::Long,
            Self::Ratio => Kind::Double,
            Self::OneOf(_) => Kind::String,
            Self::AnyOf(_) | Self::Replicas => Kind::List,
            Self::Only(kind, ..) => *kind,
        }
    }

    /// `value` as Kafka would write it.
    ///
    /// # Errors
    /// A sentence on what is wrong with it.
    pub fn normal(&self, value: &str) -> Result<String, String> {
        if value.len() > MAX_BYTES {
            return Err(format!(
                "a value of {} bytes; {MAX_BYTES} is the most",
                value.len()
            ));
        }
        let trimmed = value.trim();
        match *self {
            Self::Boolean => {
                let word = trimmed.to_ascii_lowercase();
                let is_one = matches!(word.as_str(), "true" | "false");
                is_one
                    .then_some(word)
                    .ok_or_else(|| format!("'{value}' is neither true nor false"))
            }
            Self::Int(low, high) | Self::Long(low, high) => number(value, low, high),
            Self::GzipLevel if trimmed == "-1" => Ok(trimmed.to_owned()),
            Self::GzipLevel => number(value, 1, 9).map_err(|why| format!("{why}, nor -1")),
            Self::Ratio => {
                let parsed = trimmed.parse::<f64>().ok();
                let ratio = parsed.filter(|ratio| (0.0..=1.0).contains(ratio));
                ratio
                    .map(|ratio| format!("{ratio:?}"))
                    .ok_or_else(|| format!("'{value}' is not a fraction from 0 to 1"))
            }
            Self::OneOf(words) if words.contains(&value) => Ok(value.to_owned()),
            Self::OneOf(words) => Err(format!("'{value}' is none of {}", words.join(", "))),
            Self::AnyOf(words) => {
                let asked = split(value);
                for (at, word) in asked.iter().enumerate() {
                    if !words.contains(word) {
                        return Err(format!("'{word}' is none of {}", words.join(", ")));
                    }
                    if asked[..at].contains(word) {
                        return Err(format!("'{word}' is there twice"));
                    }
                }
                Ok(asked.join(","))
            }
            Self::Replicas => {
                let asked = split(value);
                let numbers = |pair: &str| {
                    let (partition, broker) = pair.split_once(':')?;
                    Some((partition.parse::<u32>().ok()?, broker.parse::<u32>().ok()?))
                };
                if asked == ["*"] || asked.iter().all(|pair| numbers(pair).is_some()) {
                    Ok(asked.join(","))
                } else {
                    Err(format!("'{value}' is neither * nor a list of PARTITION:BROKER"))
                }
            }
            Self::Only(_, only, _) if trimmed.eq_ignore_ascii_case(only) => Ok(only.to_owned()),
            Self::Only(_, only, why) => Err(format!("'{value}' is not offered, only {only}: {why}")),
        }
    }
}

fn number(value: &str, low: i64, high: i64) -> Result<String, String> {
    let parsed = value.trim().parse::<i64>().ok();
    let number = parsed.filter(|number| (low..=high).contains(number));
    number
        .map(|number| number.to_string())
        .ok_or_else(|| format!("'{value}' is not a number from {low} to {high}"))
}

/// The words of a list.
pub fn split(value: &str) -> Vec<&str> {
    if value.trim().is_empty() {
        Vec::new()
    } else {
        value.split(',').map(str::trim).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_and_refused_as_kafka_does() {
        let words = Values::AnyOf(&["compact", "delete"]);
        let only = Values::Only(Kind::Boolean, "false", "it is not there");
        for (values, value, expected) in [
            (Values::Boolean, "TRUE", Some("true")),
            (Values::Boolean, "maybe", None),
            (Values::Long(-1, 10), " 5 ", Some("5")),
            (Values::Long(-1, 10), "-2", None),
            (Values::Int(0, 10), "11", None),
            (Values::Int(0, 10), "5.0", None),
            (Values::GzipLevel, "-1", Some("-1")),
            (Values::GzipLevel, "0", None),
            (Values::GzipLevel, "9", Some("9")),
            (Values::Ratio, "1", Some("1.0")),
            (Values::Ratio, "0.75", Some("0.75")),
            (Values::Ratio, "NaN", None),
            (Values::Ratio, "1.01", None),
            (Values::OneOf(&["CreateTime"]), "CreateTime", Some("CreateTime")),
            (Values::OneOf(&["CreateTime"]), "createtime", None),
            (words, "delete, compact", Some("delete,compact")),
            (words, "", Some("")),
            (words, "Compact", None),
            (words, "delete,delete", None),
            (words, "delete,", None),
            (Values::Replicas, "*", Some("*")),
            (Values::Replicas, "0:1, 1:1", Some("0:1,1:1")),
            (Values::Replicas, "", Some("")),
            (Values::Replicas, "x", None),
            (Values::Replicas, "0:-1", None),
            (only, "False", Some("false")),
            (only, "true", None),
        ] {
            let got = values.normal(value).ok();
            assert_eq!(got.as_deref(), expected, "{values:?} '{value}'");
        }
        assert!(Values::Replicas.normal(&"0:1,".repeat(10_000)).is_err());
    }
}
