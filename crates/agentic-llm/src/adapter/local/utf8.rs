//! Text out of token bytes: a character may be split over tokens.

/// Assembles UTF-8 text from byte pieces that may end in the middle of a character.
///
/// Bytes that can never become valid are replaced by U+FFFD, as `String::from_utf8_lossy` does.
#[derive(Debug, Default)]
pub(crate) struct Utf8Assembler {
    rest: Vec<u8>,
}

impl Utf8Assembler {
    /// Adds `bytes` and returns all text that is complete by now.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> String {
        self.rest.extend_from_slice(bytes);
        let mut out = String::new();
        loop {
            match std::str::from_utf8(&self.rest) {
                Ok(text) => {
                    out.push_str(text);
                    self.rest.clear();
                    return out;
                }
                Err(error) => {
                    let valid = error.valid_up_to();
                    out.push_str(&String::from_utf8_lossy(&self.rest[..valid]));
                    match error.error_len() {
                        Some(bad) => {
                            out.push('\u{FFFD}');
                            self.rest.drain(..valid + bad);
                        }
                        None => {
                            self.rest.drain(..valid);
                            return out;
                        }
                    }
                }
            }
        }
    }

    /// Ends the text: an unfinished character becomes U+FFFD.
    pub(crate) fn finish(&mut self) -> String {
        let rest = std::mem::take(&mut self.rest);
        String::from_utf8_lossy(&rest).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pieces: &[&[u8]], expect: &[&str]) {
        let mut assembler = Utf8Assembler::default();
        let mut got: Vec<String> = pieces.iter().map(|piece| assembler.push(piece)).collect();
        got.push(assembler.finish());
        assert_eq!(got, expect);
    }

    #[test]
    fn a_character_split_over_pieces_comes_whole() {
        check(&["a".as_bytes(), &[0xE2, 0x82], &[0xAC, b'b']], &["a", "", "€b", ""]);
        check(&[&[0xF0], &[0x9F], &[0x98], &[0x80]], &["", "", "", "😀", ""]);
    }

    #[test]
    fn invalid_bytes_are_replaced_and_do_not_hold_up_the_rest() {
        check(&[&[b'a', 0xFF, b'b']], &["a\u{FFFD}b", ""]);
        check(&[&[0xE2, 0x82], b"x"], &["", "\u{FFFD}x", ""]);
        check(&[&[0xE2]], &["", "\u{FFFD}"]);
    }

    #[test]
    fn every_split_of_a_text_gives_the_text() {
        let text = "zł € 😀 ẞ";
        for at in 0..=text.len() {
            let (left, right) = text.as_bytes().split_at(at);
            let mut assembler = Utf8Assembler::default();
            let joined = assembler.push(left) + &assembler.push(right) + &assembler.finish();
            assert_eq!(joined, text);
        }
    }
}
