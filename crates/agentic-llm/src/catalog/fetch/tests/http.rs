//! Web sources: whole, continued, changed, refused, wrong.

use super::{
    server::{Reply, Server},
    *,
};
use crate::catalog::HubFile;

const SIZE: usize = 1 << 20;

fn refused(source: &str, why: &str) -> String {
    format!("cannot fetch m.gguf of model `m`: {source}: {why}")
}

#[tokio::test]
async fn a_file_is_fetched_verified_and_then_used_offline() {
    let (world, content) = (World::new(), bytes(SIZE));
    let server = Server::of(&content).await;
    let entry = entry(&content, &[url_source(&server.url("/m"))]);
    let path = world.fetch(&entry).await.unwrap();
    assert_eq!(path, world.store.file_path(&Sha256Sum::of(&content), "m.gguf"));
    assert_eq!(fs::read(&path).unwrap(), content);
    assert_eq!(world.files(), std::slice::from_ref(&path), "nothing else is left");
    assert_eq!(world.story(), ["trying url", "downloading", "verifying", "ready m.gguf"]);

    assert_eq!(world.fetch(&entry).await.unwrap(), path);
    assert_eq!(server.requests().len(), 1, "the second time nothing is asked");
    assert_eq!(world.story(), [""; 0]);
}

#[tokio::test]
async fn bytes_are_told_in_order_up_to_the_total() {
    let (world, content) = (World::new(), bytes(SIZE));
    let server = Server::of(&content).await;
    world.fetch(&entry(&content, &[url_source(&server.url("/m"))])).await.unwrap();
    let mut downloaded = Vec::new();
    let mut verified = Vec::new();
    for event in world.events.lock().unwrap().iter() {
        match event {
            FetchEvent::Downloading { done, total, .. } => {
                assert_eq!(*total, Some(SIZE as u64));
                downloaded.push(*done);
            }
            FetchEvent::Verifying { done, total, .. } => {
                assert_eq!(*total, SIZE as u64);
                verified.push(*done);
            }
            _ => {}
        }
    }
    assert!(downloaded.is_sorted() && downloaded.len() <= 6, "{downloaded:?}");
    assert_eq!((downloaded.first(), downloaded.last()), (Some(&0), Some(&(SIZE as u64))));
    assert_eq!(verified.last(), Some(&(SIZE as u64)));
}

#[tokio::test]
async fn a_transfer_that_breaks_off_is_continued_where_it_stopped() {
    let (world, content) = (World::new(), bytes(SIZE));
    let serving = content.clone();
    let server = Server::start(move |request| {
        let reply = Reply::content(request, &serving, "\"v1\"");
        match request.index {
            0 => reply.cut(300_000),
            1 => reply.cut(200_000),
            _ => reply,
        }
    })
    .await;
    let path = world.fetch(&entry(&content, &[url_source(&server.url("/m"))])).await.unwrap();
    assert_eq!(fs::read(path).unwrap(), content);
    let continued = |at: usize| Some(format!("bytes={at}-"));
    assert_eq!(server.ranges(), [None, continued(300_000), continued(500_000)]);
    assert_eq!(server.requests()[1].header("if-range"), Some("\"v1\""));
}

#[tokio::test]
async fn a_cancelled_fetch_is_continued_by_the_next() {
    let (world, content) = (World::new(), bytes(SIZE));
    let serving = content.clone();
    let server = Server::start(move |request| {
        let reply = Reply::content(request, &serving, "\"v1\"");
        if request.index == 0 { reply.hang(600_000) } else { reply }
    })
    .await;
    let entry = entry(&content, &[url_source(&server.url("/m"))]);
    let half_way =
        |event: &FetchEvent| matches!(event, FetchEvent::Downloading { done, .. } if *done > 300_000);
    let error = world.fetch_until(&entry, half_way).await.unwrap_err().to_string();
    assert_eq!(error, "fetching model `m` was cancelled; the next fetch continues where this one stopped");
    assert_eq!(world.store.find(&entry).unwrap(), None, "nothing half-written is in its place");

    let path = world.fetch(&entry).await.unwrap();
    assert_eq!(fs::read(path).unwrap(), content);
    let range = server.ranges()[1].clone().unwrap();
    let start: u64 = range["bytes=".len()..].trim_end_matches('-').parse().unwrap();
    assert!(start > 300_000 && start <= 600_000, "{range}");
}

#[tokio::test]
async fn changed_content_on_the_server_begins_again() {
    let (world, content) = (World::new(), bytes(SIZE));
    let serving = content.clone();
    let server = Server::start(move |request| match request.index {
        0 => Reply::content(request, &vec![7; SIZE], "\"v1\"").cut(300_000),
        _ => Reply::content(request, &serving, "\"v2\""),
    })
    .await;
    let path = world.fetch(&entry(&content, &[url_source(&server.url("/m"))])).await.unwrap();
    assert_eq!(fs::read(path).unwrap(), content);
    assert_eq!(server.ranges().len(), 2);
}

#[tokio::test]
async fn a_server_without_ranges_or_validators_begins_again() {
    for headers in [vec![("etag", "\"v1\"")], vec![("etag", "W/\"v1\"")], vec![]] {
        let (world, content) = (World::new(), bytes(SIZE));
        let serving = content.clone();
        let server = Server::start(move |request| {
            let mut reply = Reply::status(200).with_body(&serving);
            for (name, value) in &headers {
                reply = reply.with(name, value);
            }
            if request.index == 0 { reply.cut(300_000) } else { reply }
        })
        .await;
        let path = world.fetch(&entry(&content, &[url_source(&server.url("/m"))])).await.unwrap();
        assert_eq!(fs::read(path).unwrap(), content);
        assert_eq!(server.requests().len(), 2);
    }
}

#[tokio::test]
async fn a_range_that_does_not_fit_begins_again() {
    for (wrong, name) in
        [(Reply::status(416), "416"), (Reply::status(206).with("content-range", "bytes 5-9/10"), "206")]
    {
        let (world, content) = (World::new(), bytes(SIZE));
        let serving = content.clone();
        let server = Server::start(move |request| match request.index {
            0 => Reply::content(request, &serving, "\"v1\"").cut(300_000),
            1 => wrong.clone(),
            _ => Reply::content(request, &serving, "\"v1\""),
        })
        .await;
        let path = world.fetch(&entry(&content, &[url_source(&server.url("/m"))])).await.unwrap();
        assert_eq!(fs::read(path).unwrap(), content, "{name}");
        assert_eq!(server.ranges(), [None, Some("bytes=300000-".to_owned()), None], "{name}");
    }
}

#[tokio::test]
async fn a_server_that_only_breaks_off_is_given_up() {
    let (world, content) = (World::new(), bytes(SIZE));
    let serving = content.clone();
    let server = Server::start(move |request| Reply::content(request, &serving, "\"v1\"").cut(0)).await;
    let error = world.error(&entry(&content, &[url_source(&server.url("/m"))])).await;
    let start = refused(&format!("url {}/m", server.address), "the transfer broke off after 0 bytes (");
    assert!(error.starts_with(&start), "{error}");
    assert_eq!(server.requests().len(), 4, "once and three retries");
}

#[tokio::test]
async fn refusals_say_what_may_help() {
    let content = bytes(10);
    for (status, hint) in [
        (401, ": it does not exist, or it needs an access token (HF_TOKEN)"),
        (404, ": there is no such file"),
        (429, ": too many requests, try again later"),
        (500, ""),
    ] {
        let world = World::new();
        let server = Server::start(move |_| Reply::status(status)).await;
        let error = world.error(&entry(&content, &[url_source(&server.url("/m?key=secret"))])).await;
        let source = format!("url {}/m", server.address);
        assert_eq!(
            error,
            refused(&source, &format!("{} answered {status}{hint}", &server.address["http://".len()..]))
        );
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn the_next_source_is_tried_and_every_failure_is_told() {
    let (world, content) = (World::new(), bytes(SIZE));
    let other = vec![9; SIZE];
    let (missing, wrong) = (Server::start(|_| Reply::status(404)).await, Server::of(&other).await);
    let (short, good) = (Server::of(&content[1..]).await, Server::of(&content).await);
    let closed = "http://127.0.0.1:1/m";
    let mut sources: Vec<String> =
        [&missing, &wrong, &short].iter().map(|server| url_source(&server.url("/m"))).collect();
    sources.insert(0, url_source(closed));

    let error = world.error(&entry(&content, &sources)).await;
    let expected = [
        format!("cannot fetch m.gguf of model `m`: url {closed}: no connection to 127.0.0.1:1 ("),
        format!("answered 404: there is no such file; url {}/m: ", wrong.address),
        format!(
            "url {}/m: wrong content: expected SHA-256 {}, found {}; ",
            wrong.address,
            Sha256Sum::of(&content),
            Sha256Sum::of(&other)
        ),
        format!("url {}/m: wrong length: expected {SIZE} bytes, found {}", short.address, SIZE - 1),
    ];
    for piece in expected {
        assert!(error.contains(&piece), "{piece} in {error}");
    }
    assert!(world.files().is_empty(), "wrong content is not kept");

    world.story();
    sources.push(url_source(&good.url("/m")));
    let path = world.fetch(&entry(&content, &sources)).await.unwrap();
    assert_eq!(fs::read(path).unwrap(), content);
    let events: Vec<String> = world.events.lock().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(
        world.story(),
        [
            "trying url",
            "failed",
            "trying url",
            "failed",
            "trying url",
            "downloading",
            "verifying",
            "failed",
            "trying url",
            "failed",
            "trying url",
            "downloading",
            "verifying",
            "ready m.gguf"
        ],
        "{events:#?}"
    );
}

#[tokio::test]
async fn a_hub_file_of_the_catalog_is_at_repo_resolve_revision_file() {
    let (mut world, content) = (World::new(), bytes(1000));
    let server = Server::of(&content).await;
    world.options.hub_endpoint = server.url("/mirror/");
    let hub = "kind = \"hub\"\nrepo = \"o/r\"\nrevision = \"v1\"\nfile = \"q4/a b.gguf\"".to_owned();
    world.fetch(&entry(&content, &[hub])).await.unwrap();
    assert_eq!(server.requests()[0].line, "GET /mirror/o/r/resolve/v1/q4/a%20b.gguf");
}

#[tokio::test]
async fn the_token_goes_to_the_hub_and_not_to_its_storage() {
    let (mut world, content) = (World::new(), bytes(1000));
    let storage = Server::of(&content).await;
    let target = storage.url("/blob");
    let hub = Server::start(move |_| Reply::status(302).with("location", &target)).await;
    world.options.hub_endpoint = hub.address.clone();
    world.options.hub_token = Some(crate::Secret::new("hf_secret"));
    let source = "kind = \"hub\"\nrepo = \"o/r\"\nfile = \"a.gguf\"".to_owned();
    world.fetch(&entry(&content, &[source])).await.unwrap();
    assert_eq!(hub.requests()[0].header("authorization"), Some("Bearer hf_secret"));
    assert_eq!(storage.requests()[0].header("authorization"), None);
}

#[tokio::test]
async fn any_hub_file_is_verified_by_what_the_hub_says() {
    let content = bytes(1000);
    let hub = HubFile::new("o/r", "main", "a.gguf").unwrap();
    for (sum, right) in [(Sha256Sum::of(&content), true), (Sha256Sum::of(b"x"), false)] {
        let mut world = World::new();
        let serving = content.clone();
        let server = Server::start(move |request| match request.line.starts_with("HEAD") {
            true => Reply::status(302)
                .with("location", "http://127.0.0.1:1/never-followed")
                .with("x-linked-etag", &format!("\"{sum}\""))
                .with("x-linked-size", "1000"),
            false => Reply::content(request, &serving, "\"v1\""),
        })
        .await;
        world.options.hub_endpoint = server.address.clone();
        let entry = Entry::from_hub(&hub);
        match world.fetch(&entry).await {
            Ok(path) => {
                assert!(right);
                assert_eq!(path, world.store.file_path(&sum, "a.gguf"));
                let asked = server.requests().len();
                assert_eq!(world.fetch(&entry).await.unwrap(), path, "offline afterwards");
                assert_eq!(server.requests().len(), asked);
            }
            Err(error) => {
                assert!(!right && error.to_string().contains("wrong content: expected SHA-256 "), "{error}");
                assert!(world.files().is_empty());
            }
        }
    }
}

#[tokio::test]
async fn a_hub_that_states_nothing_is_taken_at_its_word() {
    let (mut world, content) = (World::new(), bytes(1000));
    let server = Server::of(&content).await;
    world.options.hub_endpoint = server.address.clone();
    let path = world.fetch(&Entry::from_hub(&HubFile::new("o/r", "main", "a.gguf").unwrap())).await.unwrap();
    assert_eq!(path, world.store.file_path(&Sha256Sum::of(&content), "a.gguf"));
}

#[tokio::test]
async fn a_silent_server_is_given_up() {
    let (mut world, content) = (World::new(), bytes(1000));
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    world.options.stall_timeout = Duration::from_millis(50);
    world.options.retries = 1;
    let url = format!("http://{}/m", silent.local_addr().unwrap());
    let error = world.error(&entry(&content, &[url_source(&url)])).await;
    assert!(error.contains("no connection to 127.0.0.1:"), "{error}");
}

#[tokio::test]
async fn a_host_that_is_unreachable_is_not_asked_for_the_next_file() {
    let (mut world, one, two) = (World::new(), bytes(1000), bytes(200));
    world.options.hub_endpoint = "http://127.0.0.1:1".to_owned();
    let hub = "kind = \"hub\"\nrepo = \"o/r\"\nfile = \"a\"".to_owned();
    let server = Server::start({
        let (one, two) = (one.clone(), two.clone());
        move |request| {
            Reply::content(request, if request.line.ends_with("/1") { &one } else { &two }, "\"v1\"")
        }
    })
    .await;
    let sources = |path: &str| [hub.clone(), url_source(&server.url(path))];
    let entry = entry_of_files(&[("1", &one, &sources("/1")), ("2", &two, &sources("/2"))]);
    world.fetch(&entry).await.unwrap();
    let failures: Vec<String> = world
        .events
        .lock()
        .unwrap()
        .iter()
        .filter_map(|event| match event {
            FetchEvent::SourceFailed { error, .. } => Some(error.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(failures[1], "no connection to 127.0.0.1:1 (as for the file before)");
    assert_ne!(failures[0], failures[1]);
}
