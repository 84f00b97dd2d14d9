//! What is sent in a form.

use reqwest::multipart::Form;

use super::order::Order;

/// A form with what is to be done to an image. It comes before the image: a wrong recipe is refused before the file has travelled.
pub fn order(order: &Order<'_>) -> Form {
    let format = order
        .encoding
        .map_or_else(String::new, |encoding| encoding.to_string());
    let page = order.page.map_or_else(String::new, |page| page.to_string());
    Form::new()
        .text("transformation", order.recipe.to_owned())
        .text("format", format)
        .text("page", page)
        .text("cache", if order.fresh { "off" } else { "on" })
}

/// A file's name as it stands between quotes in a form. HTML's rule for forms, to which RFC 7578 points, escapes the quote
/// and line breaks as `%22`, `%0D`, `%0A`. Other control characters, which no header may have, and the backslash, which some
/// readers take for an escape and others for a folder, are escaped alike. reqwest, which would put a backslash before what it
/// takes for special and leave the line break, finds nothing to do.
pub fn form_name(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_control() || matches!(c, '"' | '\\') {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                escaped.push_str(&format!("%{byte:02X}"));
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// The name that the server reads from [`form_name`]: it takes back what HTML's rule escapes, and nothing else.
pub fn received_name(name: &str) -> String {
    form_name(name)
        .replace("%22", "\"")
        .replace("%0D", "\r")
        .replace("%0A", "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_form_is_escaped_as_browsers_do() {
        for (name, escaped) in [
            ("Åke & Zoë 風 100%.png", "Åke & Zoë 風 100%.png"),
            ("a\"b.png", "a%22b.png"),
            ("a\r\nb.png", "a%0D%0Ab.png"),
            ("a\\b\\", "a%5Cb%5C"),
            ("a\u{1b}\u{7f}\u{85}", "a%1B%7F%C2%85"),
        ] {
            assert_eq!(form_name(name), escaped, "{name:?}");
        }
    }

    #[test]
    fn the_server_reads_quotes_and_line_breaks_as_they_were() {
        for (name, received) in [("a\"b\r\nc.png", "a\"b\r\nc.png"), ("a\\b%22.png", "a%5Cb\".png")] {
            assert_eq!(received_name(name), received, "{name:?}");
        }
    }
}
