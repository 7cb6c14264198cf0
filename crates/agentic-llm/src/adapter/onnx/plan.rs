//! Which texts are run together.

/// Texts of one batch. More are no faster: one batch of 8 already keeps a core busy.
const TEXTS: usize = 16;
/// Tokens of one batch, what it is filled up with included. It says how long nothing can be cancelled, and how long
/// a question waits behind an import.
const TOKENS: usize = 1024;
/// Tokens that a batch may be filled up with, or a quarter of it if that is more: running a batch costs something too.
const FILLED: usize = 64;

/// Batches of texts with these lengths in tokens, as indices. Texts of like length are together, so that little is
/// filled up; `together` says whether there may be more than one in a batch at all. The same lengths give the same
/// batches.
pub(super) fn batches(lengths: &[usize], together: bool) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    let length = |index: usize| lengths.get(index).copied().unwrap_or(0);
    order.sort_by_key(|&index| (length(index), index));
    let mut batches: Vec<Vec<usize>> = Vec::new();
    // Tokens of the last batch.
    let mut own = 0;
    for index in order {
        let more = own + length(index);
        match batches.last_mut() {
            Some(batch) if together && fits(batch.len() + 1, length(index), more) => {
                batch.push(index);
                own = more;
            }
            _ => {
                batches.push(vec![index]);
                own = length(index);
            }
        }
    }
    batches
}

/// Whether so many texts, the longest of them so long and all of them with `own` tokens, may be one batch.
fn fits(texts: usize, longest: usize, own: usize) -> bool {
    let whole = texts.saturating_mul(longest);
    texts <= TEXTS && whole <= TOKENS && whole - own <= FILLED.max(whole / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_lengths_are_together() {
        assert_eq!(batches(&[9, 3, 200, 9, 3], true), [vec![1, 4, 0, 3], vec![2]]);
        assert_eq!(batches(&[200, 160, 200, 160], true), [[1, 3, 0, 2]], "a quarter is filled up at most");
        assert_eq!(batches(&[], true), [] as [Vec<usize>; 0]);
        assert_eq!(batches(&[5; 40], true).iter().map(Vec::len).collect::<Vec<_>>(), [16, 16, 8]);
        assert_eq!(batches(&[512; 3], true).iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(batches(&[5000, 5000], true).len(), 2, "a text that is too long is alone");
    }

    #[test]
    fn or_each_is_alone() {
        assert_eq!(batches(&[3, 2, 2], false), [[1], [2], [0]]);
    }

    #[test]
    fn every_text_is_in_one_batch() {
        let lengths: Vec<usize> = (0..997).map(|n| n * 7919 % 256 + 2).collect();
        let mut all = batches(&lengths, true).concat();
        all.sort_unstable();
        assert!(all.iter().copied().eq(0..997));
        for batch in batches(&lengths, true) {
            let longest = batch.iter().map(|&index| lengths[index]).max().unwrap();
            assert!(batch.len() <= TEXTS && (batch.len() == 1 || longest * batch.len() <= TOKENS));
        }
    }
}
