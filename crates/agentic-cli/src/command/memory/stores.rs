//! Commands about whole memories.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::sync::Mutex;

use agentic::core::{MemoryScope, Recalled, RunContext};
use agentic::memory::{
    Copied, Forgetting, LongTermMemory, MemoryStats, ModelComparer, backend, copy, reembed as embed_again,
};
use agentic::runtime::RunContextExt as _;
use tempfile::NamedTempFile;

use super::{PAGE, existing, failed};
use crate::args::{How, Output, Which};
use crate::exit::{self, Failure};
use crate::memories::{self, Memories, MemoryRecipe};
use crate::render::{self, Bar};
use crate::{config, models};

pub(super) async fn consolidate(which: Which, model: Option<String>) -> Result<u8, Failure> {
    let Memories { memory, scope } = existing(which).await?;
    let model = match model.filter(|address| !address.trim().is_empty()) {
        Some(address) => address,
        None => config::model()?,
    };
    let memory = memory.with_comparer(ModelComparer::new(models::open(&model).await?));
    let (cx, progress) = (RunContext::ephemeral(), Progress::new("comparing"));
    let (mut looked_at, mut merged, mut invalidated, mut failures) = (0, 0, 0, 0);
    for round in 0_u64.. {
        let done = memory.consolidate(&scope, &cx.keyed("round", round)).await.map_err(failed)?;
        looked_at += done.looked_at;
        merged += done.merged;
        invalidated += done.invalidated;
        failures += done.failed;
        progress.at(looked_at);
        // Where all that was asked for failed, asking again at once is no use.
        if done.waiting == 0 || done.looked_at == 0 {
            break;
        }
    }
    progress.over();
    render::result(&format!(
        "{looked_at} compared: {merged} said the same as another, {invalidated} hold no more"
    ));
    if failures > 0 {
        render::note(&format!(
            "{failures} comparisons failed; an entry is compared again until the third time, --model names another model"
        ));
    }
    Ok(exit::OK)
}

pub(super) async fn sweep(which: Which) -> Result<u8, Failure> {
    let Memories { memory, scope } = existing(which).await?;
    let swept =
        memory.sweep(&scope, &Forgetting::default(), &RunContext::ephemeral()).await.map_err(failed)?;
    render::result(&format!("{} had faded and are forgotten, {} deleted", swept.faded, swept.deleted));
    Ok(exit::OK)
}

pub(super) async fn stats(which: Which, output: Output) -> Result<u8, Failure> {
    let Memories { memory, scope } = existing(which).await?;
    let stats = memory.stats(&scope, &RunContext::ephemeral()).await.map_err(failed)?;
    if output == Output::Json {
        render::json_line(&stats);
        return Ok(exit::OK);
    }
    let MemoryStats { store, entries, given, forgotten, invalid, waiting, kinds, .. } = &stats;
    let line = |name: &str, value: &str| render::result(&format!("{name:<9} {value}"));
    line("memory", &store.url);
    line("vectors", &format!("{} numbers of {}", store.dimensions, store.embedder));
    let can = &store.capabilities;
    let can = [
        (can.durable, "durable", "gone with the process"),
        (can.atomic, "changes as a whole", "changes one by one"),
        (can.exact, "exact", "nearly exact"),
        (can.shared, "for several processes", "for one process"),
    ];
    line("engine", &can.map(|(it, yes, no)| if it { yes } else { no }).join(", "));
    line("scope", &scope.to_string());
    let all: Vec<String> = kinds.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
    line(
        "entries",
        &format!("{entries}{}", if all.is_empty() { String::new() } else { format!(": {}", all.join(", ")) }),
    );
    line("given", &given.to_string());
    for (name, n) in [("forgotten", forgotten), ("invalid", invalid), ("waiting", waiting)] {
        if *n > 0 {
            line(name, &n.to_string());
        }
    }
    Ok(exit::OK)
}

pub(super) async fn export(file: Option<&Path>, which: Which) -> Result<u8, Failure> {
    let (Memories { memory, scope }, cx) = (existing(which).await?, RunContext::ephemeral());
    let cant = |error: std::io::Error| {
        let name = file.map_or_else(|| "standard output".into(), |file| file.display().to_string());
        Failure::failed(format!("can't write {name}: {error}"))
    };
    let mut to = file.map(Written::to).transpose().map_err(cant)?;
    let (mut last, mut exported): (Option<Recalled>, usize) = (None, 0);
    loop {
        let page = memory.page(&scope, last.as_ref(), PAGE, &cx).await.map_err(failed)?;
        let Some(end) = page.last() else { break };
        last = Some(end.clone());
        exported += page.len();
        for entry in page {
            let line = serde_json::to_string(&entry).map_err(Failure::failed)?;
            match &mut to {
                Some(to) => writeln!(to.lines, "{line}").map_err(cant)?,
                None => render::raw(format!("{line}\n").as_bytes()),
            }
        }
    }
    to.map_or(Ok(()), Written::whole).map_err(cant)?;
    render::note(&format!("exported {exported} entries of {scope}"));
    Ok(exit::OK)
}

/// A file that is written as a whole: what was there stays as it was until then.
struct Written<'a> {
    lines: BufWriter<File>,
    /// What takes the file's place in the end; none of what is no file, which is written through.
    beside: Option<(NamedTempFile, &'a Path)>,
}

impl<'a> Written<'a> {
    fn to(file: &'a Path) -> std::io::Result<Self> {
        if file.symlink_metadata().is_ok_and(|about| !about.is_file()) {
            return Ok(Self { lines: BufWriter::new(File::create(file)?), beside: None });
        }
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let beside = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        Ok(Self { lines: BufWriter::new(beside.as_file().try_clone()?), beside: Some((beside, file)) })
    }

    fn whole(self) -> std::io::Result<()> {
        let written = self.lines.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        if let Some((beside, file)) = self.beside {
            written.sync_all()?;
            beside.persist(file).map_err(|error| error.error)?;
        }
        Ok(())
    }
}

pub(super) async fn import(file: &Path, which: Which) -> Result<u8, Failure> {
    let name = file.display();
    let lines: Box<dyn std::io::BufRead> = if file.as_os_str() == "-" {
        Box::new(BufReader::new(std::io::stdin()))
    } else {
        let opened =
            File::open(file).map_err(|error| Failure::usage(format!("can't read {name}: {error}")))?;
        Box::new(BufReader::new(opened))
    };
    // All of it is read before anything is written.
    let mut entries = Vec::new();
    for (number, line) in (1..).zip(lines.lines()) {
        let line = line.map_err(|error| Failure::usage(format!("can't read {name}: {error}")))?;
        if line.trim().is_empty() {
            continue;
        }
        let entry: Recalled = serde_json::from_str(&line).map_err(|error| {
            Failure::usage(format!("{name}, line {number} is no exported entry: {error}"))
        })?;
        entries.push(entry);
    }
    let all = entries.len();
    if let Some(scope) = &which.how.scope {
        entries.retain(|recalled| scope.sees(&recalled.entry.scope));
    }
    let (Memories { memory, .. }, cx) = (MemoryRecipe::of(which)?.open().await?, RunContext::ephemeral());
    let progress = Progress::new("embedding");
    let mut imported = 0;
    for (done, page) in entries.chunks(PAGE).enumerate() {
        let known = known(&memory, page).await?;
        let is_new = |recalled: &&Recalled| !known.contains(&key(recalled));
        let new: Vec<Recalled> = page.iter().filter(is_new).cloned().collect();
        imported += new.len();
        memory.put_in(new, &cx.keyed("page", done)).await.map_err(failed)?;
        progress.at(done * PAGE + page.len());
    }
    progress.over();
    let there = entries.len() - imported;
    let kept =
        if there > 0 { format!("; {there} were there already, and stay as they are") } else { String::new() };
    render::note(&format!("imported {imported} of {all} entries, each into the scope that it had{kept}"));
    Ok(exit::OK)
}

/// What an entry is known by in all of a store.
fn key(recalled: &Recalled) -> (String, String) {
    (recalled.entry.scope.tenant.clone(), recalled.id.clone())
}

/// Those of these entries that the memory has, forgotten ones too.
async fn known(memory: &LongTermMemory, entries: &[Recalled]) -> Result<HashSet<(String, String)>, Failure> {
    let mut ids: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for recalled in entries {
        ids.entry(&recalled.entry.scope.tenant).or_default().push(recalled.id.clone());
    }
    let mut known = HashSet::new();
    for (tenant, ids) in ids {
        let there = memory.store().get(&MemoryScope::of_tenant(tenant), &ids).await;
        let there = there.map_err(memories::failure)?.into_iter();
        known.extend(there.map(|record| (tenant.to_owned(), record.id)));
    }
    Ok(known)
}

pub(super) async fn migrate(from: &str, to: &str) -> Result<u8, Failure> {
    let (from, to) = different(named(from)?, named(to)?)?;
    let source = backend::open(&from.address(), None).await.map_err(memories::failure)?;
    let info = agentic::core::EmbedderInfo::new(source.info().embedder.clone(), source.info().dimensions);
    let target = backend::open(&to.address(), Some(&info)).await.map_err(memories::failure)?;
    let progress = Progress::new("copying");
    let copied = copy(&*source, &*target, |copied| progress.at(copied.all())).await;
    progress.over();
    told(copied.map_err(memories::failure)?, &to.url);
    Ok(exit::OK)
}

pub(super) async fn reembed(which: Which, to: Option<&str>) -> Result<u8, Failure> {
    let from = MemoryRecipe::of(which)?;
    let embedder =
        models::open_embedder(from.embedder.as_deref().unwrap_or(models::DEFAULT_EMBEDDER)).await?;
    let progress = Progress::new("embedding");
    let cx = RunContext::ephemeral();
    let (copied, url) = match to {
        Some(to) => {
            let (from, to) = different(from, named(to)?)?;
            let source = backend::open(&from.address(), None).await.map_err(memories::failure)?;
            let target =
                backend::open(&to.address(), Some(embedder.info())).await.map_err(memories::failure)?;
            let copied = embed_again(&*source, &*target, &embedder, &cx, |copied| progress.at(copied.all()));
            (copied.await, to.url)
        }
        None => {
            let path = from.url.strip_prefix("sqlite://").ok_or_else(|| {
                let url = &from.url;
                Failure::usage(format!(
                    "only a SQLite file is replaced; name where to write the vectors of {url} by --to"
                ))
            })?;
            let path = Path::new(path);
            let copied =
                backend::sqlite::reembed_file(path, &embedder, &cx, |copied| progress.at(copied.all()));
            (copied.await, from.url)
        }
    };
    progress.over();
    told(copied.map_err(failed)?, &url);
    Ok(exit::OK)
}

fn told(copied: Copied, to: &str) {
    let there = if copied.there > 0 { format!(", {} were there", copied.there) } else { String::new() };
    render::note(&format!("{} entries written to {to}{there}", copied.written));
}

fn named(url: &str) -> Result<MemoryRecipe, Failure> {
    MemoryRecipe::new(url, How::default())
}

fn different(from: MemoryRecipe, to: MemoryRecipe) -> Result<(MemoryRecipe, MemoryRecipe), Failure> {
    if from.url == to.url {
        return Err(Failure::usage(format!("both are {}; name another memory to write to", from.url)));
    }
    Ok((from, to))
}

/// How many entries are done, on a bar.
struct Progress {
    what: &'static str,
    bar: Mutex<Bar>,
}

impl Progress {
    fn new(what: &'static str) -> Self {
        Self { what, bar: Mutex::new(Bar::hidden()) }
    }

    fn at(&self, done: usize) {
        let mut bar = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        bar.spin(&format!("{}: {done} entries", self.what));
    }

    fn over(&self) {
        self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
    }
}
