//! A store of one's own, complete: records in a list, looked through from end to end. `main` runs the conformance suite on it.
#![allow(clippy::print_stdout, reason = "a program for people prints")]

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agentic_core::{
    Beside, Cursor, EmbedderInfo, Filter, Hit, MemoryScope, Record, Selection, StoreCapabilities, StoreError,
    StoreInfo, VectorStore, WriteBatch, async_trait,
};

#[derive(Debug)]
struct ListStore {
    info: StoreInfo,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    records: Vec<Record>,
    /// The last revision that was given.
    revision: u64,
}

impl ListStore {
    fn new(embedder: &EmbedderInfo) -> Self {
        let mut capabilities = StoreCapabilities::default();
        (capabilities.atomic, capabilities.exact) = (true, true);
        let info = StoreInfo::new("list:", embedder.id.clone(), embedder.dimensions, capabilities);
        Self { info, kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the selection is about, but for its limit.
    fn selected(&self, wanted: &Selection) -> Result<Vec<Record>, StoreError> {
        self.info.check_filter(&wanted.filter)?;
        let fits = |it: &&Record| wanted.scope.sees(&it.scope) && wanted.filter.matches(&it.fields);
        Ok(self.kept().records.iter().filter(fits).cloned().collect())
    }
}

/// The record without what is not wanted.
fn given(mut record: Record, wanted: &Selection) -> Record {
    if !wanted.with_index {
        (record.vector, record.words) = (Vec::new(), Vec::new());
    }
    record
}

/// The best first, equal ones in the order of their ids.
fn best(mut hits: Vec<Hit>, wanted: &Selection) -> Vec<Hit> {
    hits.sort_by(|one, other| {
        other.score.total_cmp(&one.score).then_with(|| one.record.id.cmp(&other.record.id))
    });
    hits.truncate(wanted.limit);
    hits.into_iter().map(|Hit { record, score }| Hit { record: given(record, wanted), score }).collect()
}

fn length(vector: &[f32]) -> f64 {
    vector.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt()
}

fn is(record: &Record, tenant: &str, id: &str) -> bool {
    record.scope.tenant == tenant && record.id == id
}

#[async_trait]
impl VectorStore for ListStore {
    fn info(&self) -> &StoreInfo {
        &self.info
    }

    async fn apply(&self, batch: WriteBatch) -> Result<usize, StoreError> {
        // First everything is checked, then everything is written.
        self.info.check_changes(&batch)?;
        let mut kept = self.kept();
        for record in &batch.upsert {
            let there = kept.records.iter().find(|it| is(it, &record.scope.tenant, &record.id));
            self.info.check_revision(record, there.map(|it| it.revision))?;
        }
        let before = kept.records.len();
        kept.records.retain(|it| !batch.delete.iter().any(|(tenant, id)| is(it, tenant, id)));
        let deleted = before - kept.records.len();
        for record in batch.upsert {
            kept.records.retain(|it| !is(it, &record.scope.tenant, &record.id));
            kept.revision += 1;
            let revision = kept.revision;
            kept.records.push(record.over(revision));
        }
        Ok(deleted)
    }

    async fn nearest(&self, vector: &[f32], wanted: &Selection) -> Result<Vec<Hit>, StoreError> {
        self.info.check_vector(vector)?;
        let mut hits = Vec::new();
        for record in self.selected(wanted)? {
            let lengths = length(vector) * length(&record.vector);
            if lengths > 0.0 {
                let products = vector.iter().zip(&record.vector).map(|(a, b)| f64::from(*a) * f64::from(*b));
                let score = (products.sum::<f64>() / lengths) as f32;
                hits.push(Hit { record, score });
            }
        }
        Ok(best(hits, wanted))
    }

    async fn matching(&self, words: &[String], wanted: &Selection) -> Result<Vec<Hit>, StoreError> {
        let selected = self.selected(wanted)?;
        // How rare a word is, is counted among the records of the tenant alone.
        let kept = self.kept();
        let all =
            kept.records.iter().filter(|it| it.scope.tenant == wanted.scope.tenant && !it.words.is_empty());
        let all: Vec<&Record> = all.collect();
        let average = all.iter().map(|it| it.words.len()).sum::<usize>() as f32 / all.len().max(1) as f32;
        let asked: HashSet<&String> = words.iter().collect();
        let mut asked: Vec<&String> = asked.into_iter().collect();
        asked.sort_unstable();
        let mut hits = Vec::new();
        for record in selected {
            let mut score = 0.0;
            for word in &asked {
                let often = record.words.iter().filter(|it| it == word).count() as f32;
                let having = all.iter().filter(|it| it.words.contains(word)).count() as f32;
                let rare = (1.0 + (all.len() as f32 - having + 0.5) / (having + 0.5)).ln();
                let length = record.words.len() as f32 / average;
                score += rare * often * 2.2 / (often + 1.2 * (0.25 + 0.75 * length));
            }
            if score > 0.0 {
                hits.push(Hit { record, score });
            }
        }
        Ok(best(hits, wanted))
    }

    async fn list(&self, wanted: &Selection, after: Option<&Cursor>) -> Result<Vec<Record>, StoreError> {
        let mut records = self.selected(wanted)?;
        records.retain(|record| after.is_none_or(|after| Cursor::of(record) < *after));
        records.sort_by_key(|record| std::cmp::Reverse(Cursor::of(record)));
        records.truncate(wanted.limit);
        Ok(records.into_iter().map(|record| given(record, wanted)).collect())
    }

    async fn beside(&self, ids: &[String], wanted: &Selection) -> Result<Vec<Beside>, StoreError> {
        let neighbours = self.selected(wanted)?;
        let here = self.get(&wanted.scope, ids).await?;
        let beside = |id: &String| -> Option<Beside> {
            let here = here.iter().find(|it| it.id == *id)?;
            let place = Cursor::of(here);
            let same = || neighbours.iter().filter(|it| it.scope == here.scope);
            let before = same().filter(|it| Cursor::of(it) < place).max_by_key(|it| Cursor::of(it));
            let after = same().filter(|it| Cursor::of(it) > place).min_by_key(|it| Cursor::of(it));
            let given = |it: Option<&Record>| it.map(|it| given(it.clone(), wanted));
            Some(Beside { before: given(before), after: given(after) })
        };
        Ok(ids.iter().map(|id| beside(id).unwrap_or_default()).collect())
    }

    async fn get(&self, scope: &MemoryScope, ids: &[String]) -> Result<Vec<Record>, StoreError> {
        let kept = self.kept();
        let found =
            |id: &String| kept.records.iter().find(|it| it.id == *id && scope.sees(&it.scope)).cloned();
        Ok(ids.iter().filter_map(found).collect())
    }

    async fn count(&self, scope: &MemoryScope, filter: &Filter) -> Result<usize, StoreError> {
        Ok(self.selected(&Selection::new(scope.clone(), 0).filtered(filter.clone()))?.len())
    }

    async fn clear(&self, scope: &MemoryScope) -> Result<usize, StoreError> {
        let mut kept = self.kept();
        let before = kept.records.len();
        kept.records.retain(|it| !scope.sees(&it.scope));
        Ok(before - kept.records.len())
    }

    async fn tenants(&self) -> Result<Vec<String>, StoreError> {
        let mut tenants: Vec<String> = self.kept().records.iter().map(|it| it.scope.tenant.clone()).collect();
        tenants.sort_unstable();
        tenants.dedup();
        Ok(tenants)
    }
}

#[tokio::main]
async fn main() {
    let store: Arc<dyn VectorStore> = Arc::new(ListStore::new(&EmbedderInfo::new("test:16", 16)));
    agentic_testkit::conformance::vector_store::all(&store).await;
    println!("the store keeps the contract");
}

#[tokio::test]
async fn it_keeps_the_contract() {
    let store: Arc<dyn VectorStore> = Arc::new(ListStore::new(&EmbedderInfo::new("test:16", 16)));
    agentic_testkit::conformance::vector_store::all(&store).await;
}
