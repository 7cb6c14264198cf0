//! A process that is killed while it writes loses nothing that it was told to be written, and leaves no half of anything.

mod copies;
mod memories;
mod writer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_writer_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    writer::check(&format!("sqlite://{}", folder.path().join("memory.db").display())).await;
}
