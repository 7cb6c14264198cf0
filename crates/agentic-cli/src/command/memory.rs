//! `agentic memory`: what is remembered.

mod entries;
mod stores;

use agentic::core::{Cancellation, Recalled, RunContext};
use agentic::runtime::RunContextExt as _;

use crate::args::{Entry, MemoryCommand, Which};
use crate::exit::Failure;
use crate::interrupt::unless_raised as left;
use crate::memories::{Memories, MemoryRecipe};

pub(crate) async fn memory(command: MemoryCommand, interrupt: &Cancellation) -> Result<u8, Failure> {
    use MemoryCommand as C;
    let done = async {
        match command {
            C::Add(add) => entries::add(add).await,
            C::Search { query, which, limit, kind, with, printed } => {
                entries::search(query, which, limit, &kind, &with, printed.output).await
            }
            C::List { which, limit, all, printed } => entries::list(which, limit, all, printed.output).await,
            C::Show(entry) => entries::show(entry).await,
            C::Why(entry) => entries::why(entry).await,
            C::Forget { entry, for_good } => entries::forget(entry, for_good).await,
            C::Restore(entry) => entries::restore(entry).await,
            C::Pin { entry, off } => entries::pin(entry, !off).await,
            C::Consolidate { which, model } => stores::consolidate(which, model).await,
            C::Sweep(which) => stores::sweep(which).await,
            C::Stats { which, printed } => stores::stats(which, printed.output).await,
            C::Export { file, which } => stores::export(file.as_deref(), which).await,
            C::Import { file, which } => stores::import(&file, which).await,
            C::Migrate { from, to } => stores::migrate(&from, &to).await,
            C::Reembed { which, to } => stores::reembed(which, to.as_deref()).await,
        }
    };
    left(interrupt, done).await
}

/// The memory as it is.
async fn existing(which: Which) -> Result<Memories, Failure> {
    let recipe = MemoryRecipe::of(which)?;
    recipe.existing().await?.ok_or_else(|| {
        Failure::usage(format!(
            "there is no memory at {}; `agentic memory add` makes one, --memory names another",
            recipe.url
        ))
    })
}

/// So many entries are looked through at a time.
const PAGE: usize = 500;

/// The entry of this id, or with the only one that begins so.
async fn find(memories: &Memories, id: &str, cx: &RunContext) -> Result<Recalled, Failure> {
    let Memories { memory, scope } = memories;
    if let Some(found) = memory.get(scope, id, cx).await.map_err(failed)? {
        return Ok(found);
    }
    let mut found: Option<Recalled> = None;
    let mut last: Option<Recalled> = None;
    loop {
        let page = memory.page(scope, last.as_ref(), PAGE, cx).await.map_err(failed)?;
        last = page.last().cloned();
        for entry in page {
            if id.is_empty() || !entry.id.starts_with(id) {
                continue;
            }
            if let Some(other) = found.replace(entry) {
                let message =
                    format!("`{id}` begins more than one entry, {} among them; write more of it", other.id);
                return Err(Failure::usage(message));
            }
        }
        if last.is_none() {
            break;
        }
    }
    found.ok_or_else(|| {
        Failure::usage(format!("no entry `{id}` of {scope}; `agentic memory list --all` lists them"))
    })
}

async fn entry(entry: Entry) -> Result<(Memories, Recalled, RunContext), Failure> {
    let (memories, cx) = (existing(entry.which).await?, RunContext::ephemeral());
    let found = find(&memories, &entry.id, &cx).await?;
    Ok((memories, found, cx))
}

/// What a memory says failed.
fn failed(error: agentic::core::MemoryError) -> Failure {
    use agentic::core::MemoryError as E;
    match error {
        E::Invalid { .. } => Failure::usage(error),
        E::Store(error) => crate::memories::failure(error),
        E::Model(error) => Failure::model(error),
        error => Failure::failed(error),
    }
}
