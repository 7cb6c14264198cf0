//! The built-in sources for real. Only with `AGENTIC_NET_TESTS=1` (the small models) or
//! `AGENTIC_NET_TESTS=all` (the default model too, 1.1 GB).

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn the_builtin_models_can_be_had() {
    let wanted = std::env::var("AGENTIC_NET_TESTS").unwrap_or_default();
    if !matches!(wanted.as_str(), "1" | "all") {
        println!("skipped: set AGENTIC_NET_TESTS=1 to fetch real models");
        return;
    }
    let catalog = Catalog::builtin().unwrap();
    let world = World::new();
    let fetcher = Fetcher::new(FetchOptions::from_vars(|name| std::env::var(name).ok()));
    for entry in catalog.entries() {
        let large = entry.size().is_none_or(|size| size > 100_000_000);
        if !entry.fits_platform() || (large && wanted != "all") {
            continue;
        }
        let progress = |event: &FetchEvent| println!("{event}");
        let model = fetcher.fetch(entry, &world.store, &progress, &CancellationToken::new()).await.unwrap();
        assert_eq!(model.files().count(), entry.files.len());
        world.store.verify(entry).unwrap();
    }
    assert!(world.files().iter().all(|path| !path.to_string_lossy().contains(".partial")));
}
