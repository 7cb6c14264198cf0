//! A process that writes into a store and is killed, again and again.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use agentic_core::{
    Cursor, EmbedderInfo, Filter, MemoryScope, Record, Selection, Timestamp, VectorStore, WriteBatch,
};
use agentic_memory::open;

/// Where the process that is killed finds the store.
const STORE: &str = "AGENTIC_TEST_KILLED_STORE";

/// How many records it writes, and replaces, in one go.
const BATCH: usize = 20;

fn embedder() -> EmbedderInfo {
    EmbedderInfo::new("test:16", 16)
}

fn scope() -> MemoryScope {
    MemoryScope::of_tenant("t")
}

fn record(id: String, round: usize) -> Record {
    let record = Record::new(id, scope(), Timestamp::from_millis(1)).with_vector(vec![1.0; 16]);
    record.with_words(["word"]).with_field("round", round)
}

/// Writes new records and replaces one, again and again, and says how often.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_until_it_is_killed() {
    let Ok(url) = std::env::var(STORE) else { return };
    let store = open(&url, Some(&embedder())).await.unwrap();
    for round in store.count(&scope(), &Filter::any()).await.unwrap() / (BATCH - 1).. {
        let new = (1..BATCH).map(|n| record(format!("{round}-{n}"), round));
        store.apply(WriteBatch::upsert(new.chain([record("last".into(), round)]))).await.unwrap();
        writeln!(std::io::stdout(), "wrote {round}").unwrap();
    }
}

fn writer(url: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    // Without the name of the crate.
    let module = module_path!().split_once("::").unwrap().1;
    command.args(["--exact", &format!("{module}::writes_until_it_is_killed"), "--nocapture"]).env(STORE, url);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Kills one that writes into this store, several times, and looks what is there.
pub(crate) async fn check(url: &str) {
    let mut told = 0;
    for kill in 0..6 {
        let mut child = writer(url);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut rounds = lines.filter_map(|line| line.unwrap().strip_prefix("wrote ")?.parse::<usize>().ok());
        // Killed after another number of rounds each time, somewhere in the next one.
        for round in rounds.by_ref().take(3 + kill * 2) {
            told = round + 1;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let store = open(url, Some(&embedder())).await.unwrap();
        let written = whole(&*store).await;
        assert!(written >= told, "round {told} was told to be written, there are {written}");
    }
    assert!(told >= 6);
}

/// All that is there is whole; gives how many rounds it is of.
async fn whole(store: &dyn VectorStore) -> usize {
    let (mut seen, mut after): (HashSet<String>, Option<Cursor>) = (HashSet::new(), None);
    let mut rounds = 0;
    loop {
        let page = store.list(&Selection::new(scope(), 50), after.as_ref()).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(Cursor::of(last));
        for record in page {
            rounds = rounds.max(record.fields["round"].as_u64().unwrap() as usize + 1);
            assert!(seen.insert(record.id.clone()), "{} is there twice", record.id);
        }
    }
    for round in 0..rounds {
        assert!(
            (1..BATCH).all(|n| seen.contains(&format!("{round}-{n}"))),
            "round {round} of {rounds} is whole"
        );
    }
    let last = store.get(&scope(), &["last".into()]).await.unwrap();
    assert_eq!(last[0].fields["round"], rounds - 1, "the last replacement");
    let wanted = Selection::new(scope(), usize::MAX);
    let (near, words) =
        (store.nearest(&[1.0; 16], &wanted).await, store.matching(&["word".into()], &wanted).await);
    let count = store.count(&scope(), &Filter::any()).await.unwrap();
    assert_eq!((near.unwrap().len(), words.unwrap().len(), count), (seen.len(), seen.len(), seen.len()));
    rounds
}
