//! What records are found by, in memory. A store keeps beside it what only comes along when a record is given, under a key
//! of its own.

mod best;
mod codes;
mod dot;
mod fields;
mod ids;
mod keys;
mod shelf;
mod texts;
mod vocabulary;
mod words;

use std::sync::Arc;

use agentic_core::{Cursor, Filter, Json, MemoryScope, Record, Selection, Timestamp};

use self::best::{Best, Scored};
use self::codes::Codes;
pub(crate) use self::codes::{Asked, Code, CodeRef};
pub(crate) use self::fields::Fields;
use self::ids::Ids;
use self::keys::Keys;
use self::shelf::{Shelf, merged};
pub(crate) use self::vocabulary::Vocabulary;
use self::words::WordIndex;
#[cfg(feature = "postgres")]
pub(crate) use self::words::{B, K1};
#[cfg(feature = "qdrant")]
pub(crate) use self::words::{often, rare};

/// Texts of users are hashed with a seed that each process draws: nobody can choose them so that they collide.
type Map<K, V> = hashbrown::HashMap<K, V>;

/// The records of all tenants. Each tenant has an index of its own: nothing of another is even looked at, except for the
/// numbers of words, which say nothing of who has them.
#[derive(Debug)]
pub(crate) struct Index {
    dimensions: usize,
    tenants: Map<Arc<str>, Tenant>,
    vocabulary: Vocabulary,
    keys: Keys,
    /// The tenants with records that are not found by their words yet.
    unsettled: Vec<Arc<str>>,
}

#[derive(Debug)]
struct Tenant {
    /// None at places that are free.
    labels: Vec<Option<Label>>,
    free: Vec<u32>,
    ids: Ids,
    /// The records of each scope in order.
    shelves: Map<Arc<MemoryScope>, Shelf>,
    codes: Codes,
    words: WordIndex,
}

#[derive(Debug)]
struct Label {
    key: u64,
    id: Arc<str>,
    scope: Arc<MemoryScope>,
    at: Timestamp,
    fields: Fields,
}

/// A record as it comes into the index.
#[derive(Debug)]
pub(crate) struct Indexed<'a> {
    /// Under which the store keeps the rest of it; each is given once.
    pub(crate) key: u64,
    pub(crate) id: Arc<str>,
    pub(crate) scope: Arc<MemoryScope>,
    pub(crate) at: Timestamp,
    pub(crate) fields: Fields,
    pub(crate) code: Option<CodeRef<'a>>,
    pub(crate) words: Words<'a>,
}

/// The words of a record, in their order.
#[derive(Debug)]
pub(crate) enum Words<'a> {
    Spelled(Vec<&'a str>),
    /// The numbers of words that the vocabulary has.
    #[cfg(feature = "sqlite")]
    Numbered(&'a [u32]),
}

/// What a store keeps of a record beside the index.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) vector: Vec<f32>,
    pub(crate) body: Json,
}

/// A record that was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'a> {
    /// Under which the store keeps the rest of it.
    pub(crate) key: u64,
    pub(crate) score: f32,
    label: &'a Label,
    /// The numbers of its words.
    words: &'a [u32],
    vocabulary: &'a Vocabulary,
}

impl Found<'_> {
    /// Whose the record is.
    #[cfg(feature = "edge")]
    pub(crate) fn tenant(&self) -> &str {
        &self.label.scope.tenant
    }

    #[cfg(feature = "edge")]
    pub(crate) fn id(&self) -> &str {
        &self.label.id
    }

    /// The record with what the store keeps of it.
    pub(crate) fn record(&self, content: Content, with_index: bool) -> Record {
        let Label { id, scope, at, fields, .. } = self.label;
        let record = Record::new(&**id, MemoryScope::clone(scope), *at).with_body(content.body);
        // Each writing has a key of its own.
        let mut record = record.over(self.key);
        record.fields = fields.map();
        if with_index {
            let words = self.words.iter().filter_map(|number| self.vocabulary.word(*number));
            (record.vector, record.words) = (content.vector, words.map(Into::into).collect());
        }
        record
    }
}

/// The id of a record, and its place: of equal scores the least ids are kept, wherever their records are.
type Named<'a> = (&'a str, u32);

/// What stands beside a record.
pub(crate) type Neighbours<'a> = (Option<Found<'a>>, Option<Found<'a>>);

impl Index {
    pub(crate) fn new(dimensions: usize) -> Self {
        Self {
            dimensions,
            tenants: Map::default(),
            vocabulary: Vocabulary::default(),
            keys: Keys::default(),
            unsettled: Vec::new(),
        }
    }

    /// Takes away the records with these keys, then puts in the new ones, each in place of the one with its id.
    pub(crate) fn change<'a>(&mut self, gone: &[u64], new: impl IntoIterator<Item = Indexed<'a>>) {
        self.remove(gone);
        new.into_iter().for_each(|record| self.put(record));
        self.settle();
    }

    /// Takes away the records with these keys.
    pub(crate) fn remove(&mut self, gone: &[u64]) {
        let mut places: Map<Arc<str>, Vec<u32>> = Map::default();
        for key in gone {
            if let Some((tenant, place)) = self.keys.remove(*key) {
                places.entry(tenant).or_default().push(place);
            }
        }
        for (name, places) in places {
            let Some(tenant) = self.tenants.get_mut(&name) else { continue };
            tenant.remove(&places, &mut self.vocabulary);
            if tenant.ids.len() == 0 {
                self.tenants.remove(&name);
            }
        }
    }

    /// So many words are to come.
    #[cfg(feature = "sqlite")]
    pub(crate) fn reserve(&mut self, words: usize) {
        self.vocabulary.reserve(words);
    }

    /// Puts in a record, in place of the one with its id. It is found by its words after the next [`settle`](Self::settle).
    pub(crate) fn put(&mut self, record: Indexed<'_>) {
        // Only another process's replacement is still there: it does not know this index.
        if let Some(old) = self.key(&record.scope.tenant, &record.id) {
            self.remove(&[old]);
        }
        let name = match self.tenants.get_key_value(record.scope.tenant.as_str()) {
            Some((name, _)) => name.clone(),
            None => record.scope.tenant.as_str().into(),
        };
        let tenant = self.tenants.entry(name.clone()).or_insert_with(|| Tenant::new(self.dimensions));
        let key = record.key;
        let settled = tenant.words.is_settled();
        let place = tenant.put(record, &mut self.vocabulary);
        if settled && !tenant.words.is_settled() {
            self.unsettled.push(name.clone());
        }
        self.keys.put(key, name, place);
    }

    /// All records that were put in are found by their words, and words that no record has are forgotten.
    pub(crate) fn settle(&mut self) {
        self.keys.settle();
        for name in std::mem::take(&mut self.unsettled) {
            if let Some(tenant) = self.tenants.get_mut(&name) {
                tenant.words.settle(&mut self.vocabulary);
            }
        }
        self.vocabulary.tidy();
    }

    /// The word has this number. It is forgotten by the next [`settle`](Self::settle) if no record has it.
    #[cfg(feature = "sqlite")]
    pub(crate) fn learn(&mut self, number: u32, word: &str) {
        self.vocabulary.learn(number, word);
    }

    // ------------------------------------------------------------------------------------------- looking

    /// The key of the record with this id.
    pub(crate) fn key(&self, tenant: &str, id: &str) -> Option<u64> {
        let tenant = self.tenants.get(tenant)?;
        Some(tenant.label(tenant.place(id)?)?.key)
    }

    /// The keys of all that the scope sees.
    pub(crate) fn keys(&self, scope: &MemoryScope) -> Vec<u64> {
        let Some(tenant) = self.tenants.get(&*scope.tenant) else { return Vec::new() };
        tenant.seen(scope).map(|label| label.key).collect()
    }

    #[cfg(feature = "sqlite")]
    pub(crate) fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// The numbers of the words that only the records with these keys have.
    #[cfg(feature = "sqlite")]
    pub(crate) fn words_only_of(&self, keys: impl IntoIterator<Item = u64>) -> Vec<u32> {
        let mut places: Map<&str, Vec<u32>> = Map::default();
        for (tenant, place) in keys.into_iter().filter_map(|key| self.keys.get(key)) {
            places.entry(tenant).or_default().push(place);
        }
        // A word is gone if as many tenants lose it as have it.
        let mut losing: Map<u32, u32> = Map::default();
        for (tenant, places) in &places {
            let Some(tenant) = self.tenants.get(*tenant) else { continue };
            tenant.words.only_of(places).for_each(|number| *losing.entry(number).or_default() += 1);
        }
        losing.retain(|number, losing| *losing == self.vocabulary.tenants(*number));
        losing.into_keys().collect()
    }

    /// The ids of all that the scope sees.
    #[cfg(feature = "edge")]
    pub(crate) fn ids(&self, scope: &MemoryScope) -> Vec<Arc<str>> {
        let Some(tenant) = self.tenants.get(&*scope.tenant) else { return Vec::new() };
        tenant.seen(scope).map(|label| label.id.clone()).collect()
    }

    /// How many records this tenant has.
    #[cfg(feature = "edge")]
    pub(crate) fn len(&self, tenant: &str) -> usize {
        self.tenants.get(tenant).map_or(0, |tenant| tenant.ids.len())
    }

    /// How many records there are.
    #[cfg(feature = "edge")]
    pub(crate) fn size(&self) -> usize {
        self.keys.len()
    }

    /// Whether nobody else has records.
    #[cfg(feature = "edge")]
    pub(crate) fn is_only(&self, tenant: &str) -> bool {
        self.tenants.len() == 1 && self.tenants.contains_key(tenant)
    }

    pub(crate) fn tenants(&self) -> Vec<String> {
        let mut tenants: Vec<String> = self.tenants.keys().map(ToString::to_string).collect();
        tenants.sort_unstable();
        tenants
    }

    pub(crate) fn count(&self, scope: &MemoryScope, filter: &Filter) -> usize {
        let Some(tenant) = self.tenants.get(&*scope.tenant) else { return 0 };
        tenant.seen(scope).filter(|label| label.fields.fulfil(filter)).count()
    }

    pub(crate) fn get(&self, scope: &MemoryScope, ids: &[String]) -> Vec<Found<'_>> {
        let Some(tenant) = self.tenants.get(&*scope.tenant) else { return Vec::new() };
        let seen = |place: &u32| tenant.label(*place).is_some_and(|label| scope.sees(&label.scope));
        let places = ids.iter().filter_map(|id| tenant.place(id)).filter(seen);
        places.filter_map(|place| self.found(tenant, place, 0.0)).collect()
    }

    /// The nearest by cosine. `cosine` reads the vector that is kept under a key, and gives its cosine.
    pub(crate) fn nearest<E>(
        &self,
        asked: &Asked,
        wanted: &Selection,
        mut cosine: impl FnMut(u64) -> Result<f32, E>,
    ) -> Result<Vec<Found<'_>>, E> {
        let Some(tenant) = self.tenants.get(&*wanted.scope.tenant) else { return Ok(Vec::new()) };
        let fits = |place| tenant.fits(place, wanted);
        let candidates = if tenant.sees_all(&wanted.scope) {
            tenant.codes.candidates(asked, wanted.limit, 0..tenant.labels.len() as u32, fits)
        } else {
            let places = tenant.shelves(&wanted.scope).flat_map(Shelf::places);
            tenant.codes.candidates(asked, wanted.limit, places, fits)
        };
        let mut best = Best::new(wanted.limit);
        for Scored { score: most, place } in candidates {
            if most < best.bar() {
                break;
            }
            if let Some(label) = tenant.label(place) {
                best.push(Scored { score: cosine(label.key)?, place: (&*label.id, place) });
            }
        }
        Ok(self.sorted(tenant, best))
    }

    pub(crate) fn matching(&self, words: &[String], wanted: &Selection) -> Vec<Found<'_>> {
        let Some(tenant) = self.tenants.get(&*wanted.scope.tenant) else { return Vec::new() };
        let mut best = Best::new(wanted.limit);
        // In the order of the words: nothing else is the same in each process.
        let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
        words.sort_unstable();
        words.dedup();
        let numbers = words.into_iter().filter_map(|word| self.vocabulary.number(word));
        tenant.words.matching(numbers, |place, score| {
            if score >= best.bar()
                && let Some(label) = tenant.fitting(place, wanted)
            {
                best.push(Scored { score, place: (&*label.id, place) });
            }
        });
        self.sorted(tenant, best)
    }

    pub(crate) fn list(&self, wanted: &Selection, after: Option<&Cursor>) -> Vec<Found<'_>> {
        let Some(tenant) = self.tenants.get(&*wanted.scope.tenant) else { return Vec::new() };
        let shelves = tenant.shelves(&wanted.scope).map(|shelf| shelf.before(after));
        let fitting = merged(shelves.collect()).filter(|place| tenant.fits(*place, wanted));
        fitting.filter_map(|place| self.found(tenant, place, 0.0)).take(wanted.limit).collect()
    }

    pub(crate) fn beside(&self, ids: &[String], wanted: &Selection) -> Vec<Neighbours<'_>> {
        let Some(tenant) = self.tenants.get(&*wanted.scope.tenant) else {
            return vec![(None, None); ids.len()];
        };
        let neighbours = |id: &String| -> Option<Neighbours<'_>> {
            let label = tenant.label(tenant.place(id)?)?;
            let shelf = tenant.shelves.get(&label.scope).filter(|_| wanted.scope.sees(&label.scope))?;
            let here = Cursor { at: label.at, id: id.clone() };
            let first = |mut places: Box<dyn Iterator<Item = u32> + '_>| {
                let place = places.find(|place| tenant.fits(*place, wanted))?;
                self.found(tenant, place, 0.0)
            };
            let before = first(Box::new(shelf.before(Some(&here)).map(|(_, place)| place)));
            Some((before, first(Box::new(shelf.after(&here)))))
        };
        ids.iter().map(|id| neighbours(id).unwrap_or_default()).collect()
    }

    fn found<'a>(&'a self, tenant: &'a Tenant, place: u32, score: f32) -> Option<Found<'a>> {
        let (label, words) = (tenant.label(place)?, tenant.words.of(place));
        Some(Found { key: label.key, score, label, words, vocabulary: &self.vocabulary })
    }

    /// The best first, equal ones in the order of their ids.
    fn sorted<'a>(&'a self, tenant: &'a Tenant, best: Best<Named<'_>>) -> Vec<Found<'a>> {
        let found = best.into_sorted().into_iter();
        found.filter_map(|Scored { score, place: (_, place) }| self.found(tenant, place, score)).collect()
    }
}

impl Tenant {
    fn new(dimensions: usize) -> Self {
        Self {
            labels: Vec::new(),
            free: Vec::new(),
            ids: Ids::default(),
            shelves: Map::default(),
            codes: Codes::new(dimensions),
            words: WordIndex::default(),
        }
    }

    fn put(&mut self, record: Indexed<'_>, vocabulary: &mut Vocabulary) -> u32 {
        let Indexed { key, id, scope, at, fields, code, words } = record;
        let place = self.free.pop().unwrap_or_else(|| {
            self.labels.push(None);
            (self.labels.len() - 1) as u32
        });
        let shelf = self.shelves.entry(scope);
        let scope = shelf.key().clone();
        shelf.or_default().put(at, id.clone(), place);
        self.codes.put(place, code);
        self.words.insert(place, words, vocabulary);
        self.labels[place as usize] = Some(Label { key, id, scope, at, fields });
        self.ids.put(place, |place| id_at(&self.labels, place));
        place
    }

    fn remove(&mut self, places: &[u32], vocabulary: &mut Vocabulary) {
        for place in places {
            let Some(Label { id, scope, at, .. }) = self.labels[*place as usize].take() else { continue };
            self.ids.remove(*place, &id);
            if let Some(shelf) = self.shelves.get_mut(&scope) {
                shelf.remove(at, id);
                if shelf.is_empty() {
                    self.shelves.remove(&scope);
                }
            }
            self.codes.put(*place, None);
        }
        self.words.remove(places, vocabulary);
        self.free.extend(places);
    }

    fn label(&self, place: u32) -> Option<&Label> {
        self.labels.get(place as usize)?.as_ref()
    }

    /// Of the record with this id.
    fn place(&self, id: &str) -> Option<u32> {
        self.ids.get(id, |place| id_at(&self.labels, place))
    }

    fn fits(&self, place: u32, wanted: &Selection) -> bool {
        self.fitting(place, wanted).is_some()
    }

    fn fitting(&self, place: u32, wanted: &Selection) -> Option<&Label> {
        let fits = |label: &&Label| wanted.scope.sees(&label.scope) && label.fields.fulfil(&wanted.filter);
        self.label(place).filter(fits)
    }

    fn sees_all(&self, scope: &MemoryScope) -> bool {
        scope.agent.is_none() && scope.session.is_none()
    }

    fn shelves<'a>(&'a self, scope: &'a MemoryScope) -> impl Iterator<Item = &'a Shelf> {
        self.shelves.iter().filter(|(of, _)| scope.sees(of)).map(|(_, shelf)| shelf)
    }

    /// All that the scope sees, in any order.
    fn seen<'a>(&'a self, scope: &'a MemoryScope) -> impl Iterator<Item = &'a Label> {
        self.shelves(scope).flat_map(Shelf::places).filter_map(|place| self.label(place))
    }
}

fn id_at(labels: &[Option<Label>], place: u32) -> &str {
    labels[place as usize].as_ref().map_or("", |label| &label.id)
}
