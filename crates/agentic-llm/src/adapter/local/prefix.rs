//! Which tokens lie in which sequence of the KV cache, and what a new prompt can reuse of them.
//!
//! Pure bookkeeping: the worker mirrors every decision in llama.cpp's memory. The cells of a common
//! prefix are shared between sequences there, so copying a prefix costs neither time nor memory.

/// A token of the model's vocabulary.
pub(crate) type Token = i32;

/// A sequence of the KV cache; llama.cpp's `llama_seq_id`.
pub(crate) type SeqId = i32;

/// A kept sequence is continued in place when at most this many of its tokens are lost by that;
/// otherwise its common prefix is copied, and the sequence stays for whoever comes back to it.
const MAX_LOST: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Free,
    Kept,
    Active,
}

#[derive(Debug)]
struct Slot {
    tokens: Vec<Token>,
    state: State,
    used: u64,
}

/// How a prompt starts on the sequence it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placement {
    /// The sequence, now active.
    pub(crate) seq: SeqId,
    /// Prompt tokens that are already in the cache.
    pub(crate) cached: usize,
    /// What has to be done in the cache for that.
    pub(crate) action: Action,
}

/// What has to be done in the cache before a placed prompt can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Clear the whole sequence.
    Clear,
    /// Clear the sequence, then copy the first `cached` positions of `from`.
    Copy {
        /// The sequence that has the prefix.
        from: SeqId,
    },
    /// Remove the positions of the sequence from `cached` on.
    Truncate,
}

/// The sequences of one KV cache.
#[derive(Debug)]
pub(crate) struct PrefixStore {
    slots: Vec<Slot>,
    clock: u64,
    /// Whether a sequence can be cut and copied at any position (not so in recurrent models).
    divisible: bool,
}

impl PrefixStore {
    /// A store of `slots` free sequences.
    pub(crate) fn new(slots: usize, divisible: bool) -> Self {
        let slots = (0..slots).map(|_| Slot { tokens: Vec::new(), state: State::Free, used: 0 }).collect();
        Self { slots, clock: 0, divisible }
    }

    /// Finds a sequence for `prompt`, reusing as much as possible of what is in the cache.
    ///
    /// At least one prompt token is always left to process: its logits are needed. `None` when
    /// every sequence is active.
    pub(crate) fn place(&mut self, prompt: &[Token]) -> Option<Placement> {
        let limit = prompt.len().saturating_sub(1);
        let best = self.best(prompt, limit);
        if let Some((source, cached)) = best {
            let slot = &self.slots[source];
            let lost = slot.tokens.len() - cached;
            let in_place = slot.state == State::Kept
                && (lost <= MAX_LOST || !self.divisible || self.vacancy(Some(source)).is_none());
            if in_place {
                self.slots[source].tokens.truncate(cached);
                return Some(self.activate(source, cached, Action::Truncate));
            }
        }
        let target = self.vacancy(best.map(|(source, _)| source))?;
        match best {
            Some((source, cached)) => {
                self.slots[target].tokens = self.slots[source].tokens[..cached].to_vec();
                self.touch(source);
                Some(self.activate(target, cached, Action::Copy { from: id(source) }))
            }
            None => {
                self.slots[target].tokens.clear();
                Some(self.activate(target, 0, Action::Clear))
            }
        }
    }

    /// The sequence that has the longest prefix of `prompt` beyond `have` tokens, other than `seq`.
    pub(crate) fn longer_prefix(&self, seq: SeqId, prompt: &[Token], have: usize) -> Option<(SeqId, usize)> {
        if !self.divisible {
            return None;
        }
        let limit = prompt.len().saturating_sub(1);
        self.slots
            .iter()
            .enumerate()
            .filter(|(at, slot)| id(*at) != seq && slot.state != State::Free)
            .map(|(at, slot)| (id(at), common_prefix(&slot.tokens, prompt).min(limit)))
            .filter(|(_, length)| *length > have)
            .max_by_key(|(_, length)| *length)
    }

    /// Notes that `tokens` were appended to `seq`.
    pub(crate) fn append(&mut self, seq: SeqId, tokens: &[Token]) {
        let now = self.tick();
        if let Some(slot) = self.slot_mut(seq) {
            slot.tokens.extend_from_slice(tokens);
            slot.used = now;
        }
    }

    /// Notes that only the first `length` positions of `seq` are left.
    pub(crate) fn truncate(&mut self, seq: SeqId, length: usize) {
        if let Some(slot) = self.slot_mut(seq) {
            slot.tokens.truncate(length);
        }
    }

    /// Ends the use of an active sequence and keeps it for later prompts. Returns sequences that are
    /// of no use any more, because this one has all they have: the caller clears them.
    pub(crate) fn keep(&mut self, seq: SeqId) -> Vec<SeqId> {
        let now = self.tick();
        let Some(slot) = self.slot_mut(seq) else { return Vec::new() };
        slot.used = now;
        slot.state = State::Kept;
        let tokens = slot.tokens.clone();
        let mut useless = Vec::new();
        for (at, other) in self.slots.iter_mut().enumerate() {
            if id(at) != seq && other.state == State::Kept && tokens.starts_with(&other.tokens) {
                other.state = State::Free;
                other.tokens.clear();
                useless.push(id(at));
            }
        }
        if tokens.is_empty() {
            self.forget(seq);
        }
        useless
    }

    /// Frees a sequence; the caller clears it in the cache.
    pub(crate) fn forget(&mut self, seq: SeqId) {
        if let Some(slot) = self.slot_mut(seq) {
            slot.tokens.clear();
            slot.state = State::Free;
        }
    }

    /// Frees the kept sequence that was used least recently; the caller clears it in the cache.
    pub(crate) fn evict(&mut self) -> Option<SeqId> {
        let at = self.oldest_kept(None)?;
        self.forget(id(at));
        Some(id(at))
    }

    fn best(&self, prompt: &[Token], limit: usize) -> Option<(usize, usize)> {
        self.slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| match slot.state {
                State::Free => false,
                State::Kept => {
                    self.divisible || (slot.tokens.len() <= limit && prompt.starts_with(&slot.tokens))
                }
                State::Active => self.divisible,
            })
            .map(|(at, slot)| (at, common_prefix(&slot.tokens, prompt).min(limit)))
            .filter(|(_, length)| *length > 0)
            // Of equal ones the one that loses least, a kept one before an active one.
            .max_by_key(|&(at, length)| {
                let slot = &self.slots[at];
                (length, slot.state == State::Kept, std::cmp::Reverse(slot.tokens.len()))
            })
    }

    /// A free sequence, else the least recently used kept one except `spare`.
    fn vacancy(&self, spare: Option<usize>) -> Option<usize> {
        self.slots.iter().position(|slot| slot.state == State::Free).or_else(|| self.oldest_kept(spare))
    }

    fn oldest_kept(&self, spare: Option<usize>) -> Option<usize> {
        self.slots
            .iter()
            .enumerate()
            .filter(|(at, slot)| slot.state == State::Kept && Some(*at) != spare)
            .min_by_key(|(_, slot)| slot.used)
            .map(|(at, _)| at)
    }

    fn activate(&mut self, at: usize, cached: usize, action: Action) -> Placement {
        self.touch(at);
        self.slots[at].state = State::Active;
        Placement { seq: id(at), cached, action }
    }

    fn touch(&mut self, at: usize) {
        self.slots[at].used = self.tick();
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn slot_mut(&mut self, seq: SeqId) -> Option<&mut Slot> {
        usize::try_from(seq).ok().and_then(|at| self.slots.get_mut(at))
    }
}

fn id(at: usize) -> SeqId {
    SeqId::try_from(at).unwrap_or(SeqId::MAX)
}

/// Number of leading tokens that `a` and `b` have in common.
pub(crate) fn common_prefix(a: &[Token], b: &[Token]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests;
