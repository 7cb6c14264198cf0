use super::*;

fn tokens(range: std::ops::Range<i32>) -> Vec<Token> {
    range.collect()
}

/// Places a prompt, "processes" all of it and the output, and keeps the sequence.
fn turn(store: &mut PrefixStore, prompt: &[Token], output: &[Token]) -> Placement {
    let placed = store.place(prompt).expect("a free sequence");
    let slot = &store.slots[usize::try_from(placed.seq).unwrap()];
    assert_eq!(slot.tokens, prompt[..placed.cached]);
    store.append(placed.seq, &prompt[placed.cached..]);
    store.append(placed.seq, output);
    store.keep(placed.seq);
    placed
}

#[test]
fn the_next_turn_continues_in_place() {
    let mut store = PrefixStore::new(4, true);
    let first = turn(&mut store, &tokens(0..100), &tokens(100..120));
    assert_eq!(first, Placement { seq: 0, cached: 0, action: Action::Clear });
    let second = turn(&mut store, &tokens(0..150), &[]);
    assert_eq!(second, Placement { seq: 0, cached: 120, action: Action::Truncate });
}

#[test]
fn the_last_prompt_token_is_always_processed() {
    let mut store = PrefixStore::new(4, true);
    turn(&mut store, &tokens(0..50), &[]);
    assert_eq!(store.place(&tokens(0..50)).unwrap().cached, 49);
    assert_eq!(PrefixStore::new(1, true).place(&[7]).unwrap().cached, 0);
}

#[test]
fn another_agent_copies_the_common_prefix_and_both_stay() {
    let mut store = PrefixStore::new(4, true);
    let system = tokens(0..1000);
    let a = [system.clone(), vec![-1; 200]].concat();
    let b = [system.clone(), vec![-2; 200]].concat();
    turn(&mut store, &a, &[]);
    assert_eq!(
        turn(&mut store, &b, &[]),
        Placement { seq: 1, cached: 1000, action: Action::Copy { from: 0 } }
    );
    assert_eq!(turn(&mut store, &[a, vec![-9]].concat(), &[]).cached, 1200);
    assert_eq!(turn(&mut store, &[b, vec![-9]].concat(), &[]).cached, 1200);
}

#[test]
fn an_active_sequence_is_copied_never_taken() {
    let mut store = PrefixStore::new(2, true);
    let first = store.place(&tokens(0..40)).unwrap();
    store.append(first.seq, &tokens(0..40));
    let second = store.place(&tokens(0..50)).unwrap();
    assert_eq!(second, Placement { seq: 1, cached: 40, action: Action::Copy { from: 0 } });
    assert_eq!(store.place(&tokens(0..50)), None, "every sequence is active");
}

#[test]
fn without_a_free_sequence_the_least_recently_used_goes() {
    let mut store = PrefixStore::new(3, true);
    for start in [1000, 2000, 3000] {
        turn(&mut store, &tokens(start..start + 100), &[]);
    }
    turn(&mut store, &tokens(1000..1101), &[]); // touches the first one
    assert_eq!(turn(&mut store, &tokens(5000..5100), &[]).seq, 1);
    assert_eq!(store.evict(), Some(2));
    assert_eq!(store.evict(), Some(0));
    assert_eq!(store.evict(), Some(1));
    assert_eq!(store.evict(), None);
}

#[test]
fn the_source_of_a_copy_is_not_evicted_for_it() {
    let mut store = PrefixStore::new(1, true);
    turn(&mut store, &tokens(0..500), &[]);
    let placed = store.place(&[tokens(0..100), vec![-1; 50]].concat()).unwrap();
    assert_eq!(placed, Placement { seq: 0, cached: 100, action: Action::Truncate });
}

#[test]
fn a_kept_sequence_that_another_contains_is_dropped() {
    let mut store = PrefixStore::new(4, true);
    turn(&mut store, &[tokens(0..100), vec![-1; 100]].concat(), &[]);
    let placed = store.place(&tokens(0..100)).unwrap(); // copied: 101 tokens would be lost
    store.append(placed.seq, &[99]);
    assert!(store.keep(placed.seq).is_empty());
    let again = store.place(&[tokens(0..100), vec![-1; 100], vec![5]].concat()).unwrap();
    assert_eq!((again.seq, again.cached), (0, 200));
    store.append(again.seq, &[5]);
    assert_eq!(store.keep(again.seq), [placed.seq]);
}

#[test]
fn a_request_can_catch_up_with_one_that_is_ahead() {
    let mut store = PrefixStore::new(4, true);
    let prompt = tokens(0..100);
    let a = store.place(&prompt).unwrap();
    let b = store.place(&prompt).unwrap();
    assert_eq!(store.longer_prefix(b.seq, &prompt, 0), None);
    store.append(a.seq, &prompt[..64]);
    assert_eq!(store.longer_prefix(b.seq, &prompt, 0), Some((a.seq, 64)));
    store.append(a.seq, &prompt[64..]);
    assert_eq!(store.longer_prefix(b.seq, &prompt, 64), Some((a.seq, 99)), "one token is left to process");
    assert_eq!(store.longer_prefix(b.seq, &prompt, 99), None);
}

#[test]
fn indivisible_sequences_are_only_continued_whole() {
    let mut store = PrefixStore::new(3, false);
    turn(&mut store, &tokens(0..100), &tokens(100..110));
    assert_eq!(store.place(&tokens(0..105)).unwrap().cached, 0);
    assert_eq!(
        store.place(&tokens(0..120)).unwrap(),
        Placement { seq: 0, cached: 110, action: Action::Truncate }
    );
}
