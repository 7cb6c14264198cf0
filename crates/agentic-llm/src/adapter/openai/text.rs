//! Short readable text out of what servers send.

/// `text` in at most `chars` characters; a cut is shown.
pub(super) fn shorten(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", text[..at].trim_end()),
    }
}

/// What a page says that is not JSON: an HTML page's title, or the page without its tags.
pub(super) fn page_text(body: &str) -> String {
    let body = shorten(body.trim(), 20_000);
    if !body.starts_with('<') {
        return body;
    }
    // Same length, so that positions agree.
    let lower = body.to_ascii_lowercase();
    let title = lower.find("<title").and_then(|start| {
        let from = start + lower[start..].find('>')? + 1;
        let to = from + lower[from..].find("</title")?;
        Some(body[from..to].trim())
    });
    match title {
        Some(title) if !title.is_empty() => format!("an HTML page: {title}"),
        _ => format!("an HTML page: {}", without_tags(&body)),
    }
}

fn without_tags(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for char in html.chars() {
        match char {
            '<' => {
                inside = true;
                text.push(' ');
            }
            '>' => inside = false,
            _ if !inside => text.push(char),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_its_title() {
        let page =
            "<!DOCTYPE html>\n<html><head><TITLE> 502 Bad Gateway </TITLE></head><body>x</body></html>";
        assert_eq!(page_text(page), "an HTML page: 502 Bad Gateway");
        assert_eq!(page_text("<html><body><h1>Not</h1> here</body>"), "an HTML page: Not here");
        assert_eq!(page_text("  upstream gone \n"), "upstream gone");
    }

    #[test]
    fn a_cut_falls_between_characters() {
        assert_eq!(shorten("äöü", 2), "äö…");
        assert_eq!(shorten("äöü", 3), "äöü");
    }
}
