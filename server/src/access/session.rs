//! The cookie that the sign-in page gives for a key.
//!
//! It is `ID.EXPIRES.MAC`: the key's id, when the sign-in ends (seconds since 1970), and an HMAC-SHA-256 of both with a secret of the
//! data folder. It holds no key, is of no use once the key is revoked, and cannot be read by a page's script.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::http::{HeaderMap, header};
use azulejo_app::base::BasePath;
use azulejo_protocol::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// Name of the cookie.
const NAME: &str = "azulejo_session";
/// In front of it over https: browsers then take it from this host over https alone, and only with the path `/`.
const OF_HOST: &str = "__Host-";
/// A block of SHA-256, which is the length of key that HMAC takes as it is.
const SECRET_BYTES: usize = 64;
const FILE: &str = "session.key";

/// How a client reaches the server, which decides what its cookie is called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// Over https, with the server or with a proxy that is trusted.
    pub is_https: bool,
    /// Below this path: two servers on one host do not take each other's cookie for theirs.
    pub base: BasePath,
}

impl Reach {
    fn cookie_name(&self) -> String {
        let of_host = if self.is_https { OF_HOST } else { "" };
        format!("{of_host}{NAME}{}", self.base.as_str().replace('/', "."))
    }
}

/// Makes and reads the cookies.
pub struct Sessions {
    secret: [u8; SECRET_BYTES],
    length: Duration,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sessions")
    }
}

impl Sessions {
    /// Reads the secret in the data folder `folder`, or draws one. A sign-in lasts `length`.
    ///
    /// # Errors
    /// The file cannot be read or made, or is none of a secret.
    pub fn open(folder: &Path, length: Duration) -> anyhow::Result<Self> {
        let path = folder.join(FILE);
        let secret =
            secret(&path).with_context(|| format!("the secret of the sign-ins, {}", path.display()))?;
        Ok(Self { secret, length })
    }

    /// The cookie, as the value of `Set-Cookie`, that stands for the key `id` from `now` on.
    pub fn cookie(&self, id: &str, reach: &Reach, now: Timestamp) -> String {
        let seconds = i64::try_from(self.length.as_secs()).unwrap_or(i64::MAX);
        let expires = now.unix_timestamp().saturating_add(seconds);
        let value = format!(
            "{id}.{expires}.{}",
            URL_SAFE_NO_PAD.encode(self.mac(id, expires).finalize().into_bytes())
        );
        set_cookie(&value, seconds, reach)
    }

    /// The key that the cookie of a request stands for, if there is one that was not changed and whose time is not over. Over HTTPS
    /// only the cookie counts that no other host and no plain http can have set.
    pub fn key_of(&self, headers: &HeaderMap, reach: &Reach, now: Timestamp) -> Option<String> {
        let wanted = reach.cookie_name();
        let cookies = headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok());
        cookies
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == wanted)
            .find_map(|(_, value)| self.read(value, now))
    }

    fn read(&self, value: &str, now: Timestamp) -> Option<String> {
        let mut parts = value.splitn(3, '.');
        let (id, expires, mac) = (parts.next()?, parts.next()?, parts.next()?);
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        let expires: i64 = expires.parse().ok()?;
        self.mac(id, expires).verify_slice(&mac).ok()?;
        (expires > now.unix_timestamp()).then(|| id.to_owned())
    }

    fn mac(&self, id: &str, expires: i64) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new(&self.secret.into());
        mac.update(format!("{id}.{expires}").as_bytes());
        mac
    }
}

/// The value of `Set-Cookie` that ends a sign-in.
pub fn ended(reach: &Reach) -> String {
    set_cookie("", 0, reach)
}

fn set_cookie(value: &str, seconds: i64, reach: &Reach) -> String {
    // Lax: a link from elsewhere leads to the signed-in page, and other sites' forms come without it.
    let common = format!("Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}");
    let secure = if reach.is_https { "; Secure" } else { "" };
    format!("{}={value}; {common}{secure}", reach.cookie_name())
}

fn secret(path: &Path) -> anyhow::Result<[u8; SECRET_BYTES]> {
    let mut secret = [0; SECRET_BYTES];
    match std::fs::File::open(path) {
        Ok(mut file) => {
            file.read_exact(&mut secret)
                .context("it is too short: delete it, and everybody signs in again")?;
            return Ok(secret);
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => bail!(error),
    }
    getrandom::fill(&mut secret).map_err(|error| anyhow::anyhow!("no secret can be drawn: {error}"))?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(&secret)?;
    file.sync_all()?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn request(cookie: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, cookie.parse().unwrap());
        headers
    }

    fn sent_back(set_cookie: &str) -> String {
        set_cookie.split(';').next().unwrap().to_owned()
    }

    #[test]
    fn a_cookie_stands_for_its_key_until_its_time_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp::now_utc();
        let sessions = Sessions::open(folder.path(), HOUR).unwrap();
        for (is_https, base) in [(false, ""), (true, ""), (false, "/tiles"), (true, "/a/b")] {
            let of = |is_https, base: &str| Reach {
                is_https,
                base: base.parse().unwrap(),
            };
            let reach = of(is_https, base);
            let set = sessions.cookie("0123456789ab", &reach, now);
            assert!(set.contains("; Path=/;"), "{set}");
            assert!(set.contains("HttpOnly; SameSite=Lax"), "{set}");
            assert_eq!(
                (set.starts_with("__Host-"), set.ends_with("Secure")),
                (is_https, is_https)
            );
            let headers = request(&format!("theme=dark; {}", sent_back(&set)));
            // Also after a restart.
            let sessions = Sessions::open(folder.path(), HOUR).unwrap();
            assert_eq!(
                sessions.key_of(&headers, &reach, now).as_deref(),
                Some("0123456789ab")
            );
            assert_eq!(sessions.key_of(&headers, &reach, now + HOUR), None);
            assert_eq!(
                sessions.key_of(&headers, &of(!is_https, base), now),
                None,
                "of the other scheme"
            );
            assert_eq!(
                sessions.key_of(&headers, &of(is_https, "/other"), now),
                None,
                "of another server on the host"
            );
        }
    }

    #[test]
    fn a_changed_cookie_stands_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp::now_utc();
        let sessions = Sessions::open(folder.path(), HOUR).unwrap();
        let good = sent_back(&sessions.cookie("0123456789ab", &Reach::default(), now));
        let (name, value) = good.split_once('=').unwrap();
        let parts: Vec<_> = value.split('.').collect();
        let later = parts[1].parse::<i64>().unwrap() + 1;
        let (id, expires, mac) = (parts[0], parts[1], parts[2]);
        for bad in [
            format!("{id}.{later}.{mac}"),
            format!("ffffffffffff.{expires}.{mac}"),
            format!("{id}.{expires}."),
            format!("{id}.{expires}"),
            String::new(),
        ] {
            assert_eq!(
                sessions.key_of(&request(&format!("{name}={bad}")), &Reach::default(), now),
                None,
                "{bad}"
            );
        }
        let elsewhere = tempfile::tempdir().unwrap();
        let other = Sessions::open(elsewhere.path(), HOUR).unwrap();
        assert_eq!(
            other.key_of(&request(&good), &Reach::default(), now),
            None,
            "another server's secret"
        );
    }
}
