use super::*;

type Seen = Vec<(String, String)>;

fn decode(chunks: &[&[u8]], limit: usize) -> Result<Seen, TooLong> {
    let mut seen = Vec::new();
    let mut note = |event: Event<'_>| {
        seen.push((event.name.to_owned(), event.data.to_owned()));
        Ok::<_, TooLong>(())
    };
    let mut decoder = Decoder::new().with_limit(limit);
    for chunk in chunks {
        decoder.push(chunk, &mut note)?;
    }
    decoder.finish(&mut note)?;
    Ok(seen)
}

#[track_caller]
fn check(text: &[u8], expected: &[(&str, &str)]) {
    let expected: Seen = expected.iter().map(|(name, data)| ((*name).into(), (*data).into())).collect();
    assert_eq!(decode(&[text], DEFAULT_LIMIT).unwrap(), expected, "whole");
    let bytes: Vec<&[u8]> = text.chunks(1).collect();
    assert_eq!(decode(&bytes, DEFAULT_LIMIT).unwrap(), expected, "byte by byte");
    for at in 0..text.len() {
        let (left, right) = text.split_at(at);
        assert_eq!(decode(&[left, &[], right], DEFAULT_LIMIT).unwrap(), expected, "split at {at}");
    }
}

#[test]
fn lines_end_with_lf_cr_or_crlf() {
    check(b"data: a\n\ndata: b\n\n", &[("", "a"), ("", "b")]);
    check(b"data: a\r\rdata: b\r\r", &[("", "a"), ("", "b")]);
    check(b"data: a\r\n\r\ndata: b\r\n\r\n", &[("", "a"), ("", "b")]);
    check(b"data: a\r\n\ndata: b\n\r\n\r", &[("", "a"), ("", "b")]);
}

#[test]
fn several_data_lines_are_one_text() {
    check(b"data: a\ndata:  b\ndata\ndata:\n\n", &[("", "a\n b\n\n")]);
    check(b"data\n\n", &[("", "")]);
}

#[test]
fn one_space_after_the_colon_may_be_missing() {
    check(b"data:[DONE]\n\n", &[("", "[DONE]")]);
    check(b"data:  two\n\n", &[("", " two")]);
}

#[test]
fn comments_and_other_fields_are_skipped() {
    check(b": waiting\n\nid: 7\nretry: 10\nnonsense\ndata: x\n: more\n\n:\n\n", &[("", "x")]);
}

#[test]
fn an_event_name_holds_for_one_event() {
    check(
        b"event: error\ndata: {}\n\ndata: x\n\nevent: lost\n\ndata: y\n\n",
        &[("error", "{}"), ("", "x"), ("", "y")],
    );
}

#[test]
fn a_byte_order_mark_is_skipped_once() {
    check(b"\xEF\xBB\xBFdata: x\n\n\xEF\xBB\xBFdata: y\n\n", &[("", "x")]);
}

#[test]
fn what_is_not_utf8_is_replaced() {
    check(b"data: \xFFa\xC3\xA4\n\n", &[("", "\u{FFFD}aä")]);
}

#[test]
fn the_last_blank_line_may_be_missing() {
    check(b"data: a\n\ndata: b\n", &[("", "a"), ("", "b")]);
    check(b"data: a\n\ndata: b", &[("", "a"), ("", "b")]);
}

#[test]
fn endless_events_are_refused() {
    let error = Err(TooLong { limit: 20 });
    assert_eq!(decode(&[b"data: 0123456789abcdef0123456789"], 20), error);
    assert_eq!(decode(&[b"data: 0123456789\n", b"data: 0123456789\n", b"data: 0"], 20), error);
    assert_eq!(decode(&[&[b'x'; 21]], 20), error);
    let many: Vec<&[u8]> = vec![b"data: 0123456789\n\n"; 100];
    assert_eq!(decode(&many, 20).unwrap().len(), 100);
}
