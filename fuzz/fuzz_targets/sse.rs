//! Server-sent events: never a panic, the same events or the same error however the bytes are split.
//!
//! The first byte of the input chooses the limit on one event and the size of the pieces, the rest is the stream.
#![no_main]

use agentic_llm::sse::{Decoder, Event, TooLong};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((first, bytes)) = input.split_first() else { return };
    let limit = if first & 1 == 0 { usize::from(*first) } else { 1 << 20 };
    let whole = decode(limit, std::iter::once(bytes));
    for size in [1, 2, 3, usize::from(*first).max(1)] {
        assert_eq!(decode(limit, bytes.chunks(size)), whole, "in pieces of {size}, limit {limit}");
    }
    // A byte that is not UTF-8 becomes three.
    let data: usize = whole.0.iter().map(|(name, data)| name.len() + data.len()).sum();
    assert!(data <= bytes.len() * 3, "the output grew");
});

/// The events, and whether one was too long.
fn decode<'b>(limit: usize, pieces: impl Iterator<Item = &'b [u8]>) -> (Vec<(String, String)>, bool) {
    let mut seen = Vec::new();
    let mut note = |event: Event<'_>| {
        seen.push((event.name.to_owned(), event.data.to_owned()));
        Ok::<_, TooLong>(())
    };
    let mut decoder = Decoder::new().with_limit(limit);
    let mut failed = false;
    for piece in pieces {
        failed = decoder.push(piece, &mut note).is_err();
        if failed {
            break;
        }
    }
    failed = failed || decoder.finish(&mut note).is_err();
    (seen, failed)
}
