//! What records are found by, in memory. A store keeps beside it what only comes along when a record is given, under a key
//! of its own.

mod best;
mod codes;
mod dot;
mod fields;
mod shelf;
mod words;

use std::collections::HashMap;
use std::sync::Arc;

use agentic_core::{Cursor, Filter, Json, MemoryScope, Record, Selection, Timestamp};

use self::best::{Best, Scored};
use self::codes::Codes;
pub(crate) use self::codes::{Asked, Code, CodeRef};
pub(crate) use self::fields::Fields;
use self::shelf::{Shelf, merged};
use self::words::WordIndex;
#[cfg(feature = "postgres")]
pub(crate) use self::words::{B, K1};
#[cfg(feature = "qdrant")]
pub(crate) use self::words::{often, rare};

/// Texts of users are hashed with a seed that each process draws: nobody can choose them so that they collide.
type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// The records of all tenants. Each tenant has an index of its own: nothing of another is even looked at.
#[derive(Debug)]
pub(crate) struct Index {
    dimensions: usize,
    tenants: Map<Arc<str>, Tenant>,
    /// Where the record with this key is.
    keys: Map<u64, (Arc<str>, u32)>,
}

#[derive(Debug)]
struct Tenant {
    /// None at places that are free.
    labels: Vec<Option<Label>>,
    free: Vec<u32>,
    ids: Map<Arc<str>, u32>,
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
    pub(crate) id: &'a str,
    pub(crate) scope: Arc<MemoryScope>,
    pub(crate) at: Timestamp,
    pub(crate) fields: Fields,
    pub(crate) code: Option<CodeRef<'a>>,
    /// In their order.
    pub(crate) words: Vec<&'a str>,
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
    words: &'a WordIndex,
    place: u32,
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
            (record.vector, record.words) =
                (content.vector, self.words.of(self.place).map(Into::into).collect());
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
        Self { dimensions, tenants: Map::default(), keys: Map::default() }
    }

    /// Takes away the records with these keys, then puts in the new ones, each in place of the one with its id.
    pub(crate) fn change<'a>(&mut self, gone: &[u64], new: impl IntoIterator<Item = Indexed<'a>>) {
        self.remove(gone);
        for record in new {
            // Only another process's replacement is still there: it does not know this index.
            if let Some(old) = self.key(&record.scope.tenant, record.id) {
                self.remove(&[old]);
            }
            self.put(record);
        }
    }

    fn remove(&mut self, gone: &[u64]) {
        let mut places: Map<Arc<str>, Vec<u32>> = Map::default();
        for key in gone {
            if let Some((tenant, place)) = self.keys.remove(key) {
                places.entry(tenant).or_default().push(place);
            }
        }
        for (name, places) in places {
            let Some(tenant) = self.tenants.get_mut(&name) else { continue };
            tenant.remove(&places);
            if tenant.ids.is_empty() {
                self.tenants.remove(&name);
            }
        }
    }

    fn put(&mut self, record: Indexed<'_>) {
        let name = match self.tenants.get_key_value(record.scope.tenant.as_str()) {
            Some((name, _)) => name.clone(),
            None => record.scope.tenant.as_str().into(),
        };
        let tenant = self.tenants.entry(name.clone()).or_insert_with(|| Tenant::new(self.dimensions));
        self.keys.insert(record.key, (name, tenant.put(record)));
    }

    // ------------------------------------------------------------------------------------------- looking

    /// The key of the record with this id.
    pub(crate) fn key(&self, tenant: &str, id: &str) -> Option<u64> {
        let tenant = self.tenants.get(tenant)?;
        Some(tenant.label(*tenant.ids.get(id)?)?.key)
    }

    /// The keys of all that the scope sees.
    pub(crate) fn keys(&self, scope: &MemoryScope) -> Vec<u64> {
        let Some(tenant) = self.tenants.get(&*scope.tenant) else { return Vec::new() };
        tenant.seen(scope).map(|label| label.key).collect()
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
        let places = ids.iter().filter_map(|id| tenant.ids.get(id.as_str()).copied()).filter(seen);
        places.filter_map(|place| tenant.found(place, 0.0)).collect()
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
        Ok(tenant.sorted(best))
    }

    pub(crate) fn matching(&self, words: &[String], wanted: &Selection) -> Vec<Found<'_>> {
        let Some(tenant) = self.tenants.get(&*wanted.scope.tenant) else { return Vec::new() };
        let mut best = Best::new(wanted.limit);
        tenant.words.matching(words, |place, score| {
            if score >= best.bar()
                && let Some(label) = tenant.fitting(place, wanted)
            {
                best.push(Scored { score, place: (&*label.id, place) });
            }
        });
        tenant.sorted(best)
    }

    pub(crate) fn list(&self, wanted: &Selection, after: Option<&Cursor>) -> Vec<Found<'_>> {
        let Some(tenant) = self.tenants.get(&*wanted.scope.tenant) else { return Vec::new() };
        let shelves = tenant.shelves(&wanted.scope).map(|shelf| shelf.before(after));
        let fitting = merged(shelves.collect()).filter(|place| tenant.fits(*place, wanted));
        fitting.filter_map(|place| tenant.found(place, 0.0)).take(wanted.limit).collect()
    }

    pub(crate) fn beside(&self, ids: &[String], wanted: &Selection) -> Vec<Neighbours<'_>> {
        let Some(tenant) = self.tenants.get(&*wanted.scope.tenant) else {
            return vec![(None, None); ids.len()];
        };
        let neighbours = |id: &String| -> Option<Neighbours<'_>> {
            let label = tenant.label(*tenant.ids.get(id.as_str())?)?;
            let shelf = tenant.shelves.get(&label.scope).filter(|_| wanted.scope.sees(&label.scope))?;
            let here = Cursor { at: label.at, id: id.clone() };
            let first = |mut places: Box<dyn Iterator<Item = u32> + '_>| {
                places.find(|place| tenant.fits(*place, wanted)).and_then(|place| tenant.found(place, 0.0))
            };
            let before = first(Box::new(shelf.before(Some(&here)).map(|(_, place)| place)));
            Some((before, first(Box::new(shelf.after(&here)))))
        };
        ids.iter().map(|id| neighbours(id).unwrap_or_default()).collect()
    }
}

impl Tenant {
    fn new(dimensions: usize) -> Self {
        Self {
            labels: Vec::new(),
            free: Vec::new(),
            ids: Map::default(),
            shelves: Map::default(),
            codes: Codes::new(dimensions),
            words: WordIndex::default(),
        }
    }

    fn put(&mut self, record: Indexed<'_>) -> u32 {
        let Indexed { key, id, scope, at, fields, code, words } = record;
        let place = self.free.pop().unwrap_or_else(|| {
            self.labels.push(None);
            (self.labels.len() - 1) as u32
        });
        let id: Arc<str> = id.into();
        self.ids.insert(id.clone(), place);
        let scope = match self.shelves.get_key_value(&scope) {
            Some((scope, _)) => scope.clone(),
            None => scope,
        };
        self.shelves.entry(scope.clone()).or_default().put(at, id.clone(), place);
        self.codes.put(place, code);
        self.words.insert(place, &words);
        self.labels[place as usize] = Some(Label { key, id, scope, at, fields });
        place
    }

    fn remove(&mut self, places: &[u32]) {
        for place in places {
            let Some(Label { id, scope, at, .. }) = self.labels[*place as usize].take() else { continue };
            self.ids.remove(&id);
            if let Some(shelf) = self.shelves.get_mut(&scope) {
                shelf.remove(at, id);
                if shelf.is_empty() {
                    self.shelves.remove(&scope);
                }
            }
            self.codes.put(*place, None);
        }
        self.words.remove(places);
        self.free.extend(places);
    }

    fn label(&self, place: u32) -> Option<&Label> {
        self.labels.get(place as usize)?.as_ref()
    }

    fn fits(&self, place: u32, wanted: &Selection) -> bool {
        self.fitting(place, wanted).is_some()
    }

    fn fitting(&self, place: u32, wanted: &Selection) -> Option<&Label> {
        let fits = |label: &&Label| wanted.scope.sees(&label.scope) && label.fields.fulfil(&wanted.filter);
        self.label(place).filter(fits)
    }

    fn found(&self, place: u32, score: f32) -> Option<Found<'_>> {
        let label = self.label(place)?;
        Some(Found { key: label.key, score, label, words: &self.words, place })
    }

    /// The best first, equal ones in the order of their ids.
    fn sorted(&self, best: Best<Named<'_>>) -> Vec<Found<'_>> {
        let found = best.into_sorted().into_iter();
        found.filter_map(|Scored { score, place: (_, place) }| self.found(place, score)).collect()
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
