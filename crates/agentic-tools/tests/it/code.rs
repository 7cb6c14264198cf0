//! `run_code`, on Linux. A system that lacks what the sandbox needs fails these tests: what they say must be known to
//! hold, so nothing is skipped.
#![expect(clippy::disallowed_methods, reason = "that a call ends in time is measured")]

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agentic_core::{EffectClass, RunContext, Tool, ToolError, ToolErrorKind};
use agentic_runtime::Ephemeral;
use agentic_testkit::conformance;
use agentic_tools::builtin::{CodeLimits, RunCode};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::support::call_in;

/// Real time: the programs run in it.
fn context() -> RunContext {
    Ephemeral::new().context()
}

async fn run_with(limits: CodeLimits, arguments: Value) -> Result<Value, ToolError> {
    let tool: Arc<dyn Tool> = Arc::new(tool().await.with_limits(limits));
    call_in(&context(), &tool, arguments).await
}

/// One for all tests of a process.
async fn tool() -> RunCode {
    static TOOL: OnceCell<RunCode> = OnceCell::const_new();
    let opened = TOOL.get_or_init(|| async {
        let tool = RunCode::new();
        tool.ready().await.expect("the sandbox works here; docs/TESTING.md says what it needs");
        tool
    });
    opened.await.clone()
}

/// What became of a program.
async fn run(code: &str) -> Value {
    call_in(&context(), &(Arc::new(tool().await) as Arc<dyn Tool>), json!({ "code": code })).await.unwrap()
}

/// What a program that ends well printed.
async fn printed(code: &str) -> String {
    let ran = run(code).await;
    assert_eq!((&ran["exit_code"], &ran["stderr"]), (&json!(0), &json!("")), "{ran}");
    ran["stdout"].as_str().unwrap().to_owned()
}

/// Tries each line, and gives the name of the error that each ends with, or `ok`.
async fn tried(lines: &[&str]) -> Vec<String> {
    let lines = json!(lines).to_string();
    let code = format!(
        "import os, socket, ctypes, subprocess\nfor line in {lines}:\n try:\n  exec(line)\n  print('ok')\n \
         except BaseException as error:\n  print(type(error).__name__)"
    );
    printed(&code).await.lines().map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn gives_what_a_program_prints_and_its_exit_code() {
    let ran = run("import sys\nprint(6 * 7)\nprint('wrong', file=sys.stderr)\nsys.exit(3)").await;
    assert_eq!(ran, json!({ "exit_code": 3, "stdout": "42\n", "stderr": "wrong\n" }));
    let ran = run("def f():\n    raise ValueError('no')\nf()").await;
    assert_eq!((&ran["exit_code"], &ran["stdout"]), (&json!(1), &json!("")));
    let stderr = ran["stderr"].as_str().unwrap();
    assert!(
        stderr.contains("File \"/sandbox/main.py\", line 2, in f") && stderr.ends_with("ValueError: no\n"),
        "{stderr}"
    );
    assert!(run("this is no Python").await["stderr"].as_str().unwrap().contains("SyntaxError"));
    let ran = run("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)").await;
    assert_eq!(
        (&ran["exit_code"], &ran["signal"], &ran["stopped"]),
        (&Value::Null, &json!(11), &Value::Null)
    );
}

#[tokio::test]
async fn gives_input_and_files() {
    let limits = CodeLimits::default();
    let code = "import sys, os, solution\nfrom data import more\nprint(sys.stdin.read(), solution.add(2, 3), more.X)\n\
        print(open('data/a.csv').read(), sorted(os.listdir()), sorted(os.listdir('data')))";
    let files = json!({ "solution.py": "def add(a, b): return a + b", "data/more.py": "X = 'é'", "data/a.csv": "1;2" });
    let ran = run_with(limits.clone(), json!({ "code": code, "stdin": "in", "files": files })).await.unwrap();
    let stdout = "in 5 é\n1;2 ['data', 'main.py', 'solution.py'] ['a.csv', 'more.py']\n";
    assert_eq!(ran, json!({ "exit_code": 0, "stdout": stdout, "stderr": "" }));
    assert_eq!(printed("import sys; print(repr(sys.stdin.read()))").await, "''\n", "no input");
    let ran = run_with(limits, json!({ "code": "pass", "stdin": "x".repeat(5_000_000) })).await.unwrap();
    assert_eq!(ran["exit_code"], 0, "input that nobody reads");
}

#[tokio::test]
async fn unit_tests_are_run() {
    let code = "import unittest\nfrom solution import add\nclass T(unittest.TestCase):\n def test_add(self):\n  \
        self.assertEqual(add(2, 3), 5)\nunittest.main()";
    for (body, exit_code, says) in [("a + b", 0, "\nOK\n"), ("a - b", 1, "AssertionError: -1 != 5")] {
        let files = json!({ "solution.py": format!("def add(a, b): return {body}") });
        let ran = run_with(CodeLimits::default(), json!({ "code": code, "files": files })).await.unwrap();
        assert_eq!(ran["exit_code"], exit_code, "{ran}");
        assert!(ran["stderr"].as_str().unwrap().contains(says), "{ran}");
    }
}

#[tokio::test]
async fn wrong_arguments_run_nothing() {
    for (arguments, kind) in [
        (json!({ "code": " " }), ToolErrorKind::InvalidArguments),
        (json!({ "code": "pass", "files": { "../a": "" } }), ToolErrorKind::InvalidArguments),
        (json!({ "code": "pass", "files": { "main.py": "" } }), ToolErrorKind::InvalidArguments),
        (json!({ "code": "pass", "files": { "a": "x".repeat(65 << 20) } }), ToolErrorKind::LimitReached),
    ] {
        let error = run_with(CodeLimits::default(), arguments).await.expect_err("wrong");
        assert_eq!(error.kind(), kind, "{error}");
    }
}

#[tokio::test]
async fn keeps_the_promises_of_a_tool() {
    let tool: Arc<dyn Tool> = Arc::new(tool().await);
    assert_eq!(tool.effect(&Value::Null), EffectClass::Pure);
    conformance::tool::all(&context(), &tool, &json!({ "code": "print(1)" })).await;
}

#[tokio::test]
async fn runs_are_alike() {
    let code = "import os, sys, time\nprint(hash('a'), {'a', 'b', 'c'}, time.tzname, os.getcwd(), sys.flags.dont_write_bytecode, \
        sorted(os.environ), os.uname().nodename, os.getuid())";
    let first = printed(code).await;
    assert_eq!(first, printed(code).await);
    let names = "['HOME', 'LANG', 'MALLOC_ARENA_MAX', 'OMP_NUM_THREADS', 'PATH', 'PYTHONHASHSEED', 'TMPDIR']";
    assert!(
        first.contains(names) && first.contains("/sandbox 1") && first.contains("sandbox 65534"),
        "{first}"
    );
}

/// What ordinary programs use works.
#[tokio::test]
async fn the_usual_works() {
    let code = "import asyncio, tempfile, threading, subprocess, sqlite3, multiprocessing, time, json, decimal, ssl\n\
        print(subprocess.run(['echo', 'out'], capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout.strip())\n\
        print(asyncio.run(asyncio.sleep(0, 'async')))\n\
        t = threading.Thread(target=print, args=('thread',)); t.start(); t.join()\n\
        with tempfile.NamedTemporaryFile('w') as f: f.write('x')\n\
        print(sqlite3.connect('a.db').execute('select 1').fetchone())\n\
        open('/tmp/a', 'w').write('x')\n\
        if __name__ == '__main__':\n    \
            with multiprocessing.Pool(2) as pool: print(pool.map(abs, [-1, -2]))";
    assert_eq!(printed(code).await, "out\nasync\nthread\n(1,)\n[1, 2]\n");
}

// Limits.

fn is_stopped(ran: &Value, by: &str) {
    assert_eq!((&ran["exit_code"], &ran["stopped"]), (&Value::Null, &json!(by)), "{ran}");
}

#[tokio::test]
async fn stops_what_takes_too_long() {
    let limits = CodeLimits::default().with_wall(Duration::from_millis(700));
    let sleeps = "import time\nprint('before')\ntime.sleep(1000)";
    let deaf = "import signal, time\nfor n in range(1, 32):\n try: signal.signal(n, signal.SIG_IGN)\n except OSError: pass\n\
        print('before')\nwhile True: time.sleep(1)";
    for code in [sleeps, deaf] {
        let began = Instant::now();
        let ran = run_with(limits.clone(), json!({ "code": code })).await.unwrap();
        is_stopped(&ran, "time");
        assert_eq!(ran["stdout"], "before\n");
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn stops_what_computes_too_long() {
    let limits = CodeLimits::default().with_cpu(Duration::from_secs(1));
    let ran = run_with(limits.clone(), json!({ "code": "while True: pass" })).await.unwrap();
    is_stopped(&ran, "cpu");
    let deaf = "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass";
    is_stopped(&run_with(limits, json!({ "code": deaf })).await.unwrap(), "cpu");
}

#[tokio::test]
async fn memory_is_bounded() {
    let ran = run("x = bytearray(600 << 20)").await;
    assert_eq!(ran["exit_code"], 1);
    assert!(ran["stderr"].as_str().unwrap().ends_with("MemoryError\n"), "{ran}");
    let shared =
        "import mmap\nm = mmap.mmap(-1, 700 << 20)\nfor n in range(0, len(m), 4096): m[n] = 1\nprint('all')";
    is_stopped(&run(shared).await, "memory");
    let limits = CodeLimits::default().with_memory(200 << 20);
    let many = "import os, time\nfor n in range(8):\n if os.fork() == 0:\n  x = bytearray(100 << 20)\n  time.sleep(1000)\n\
        time.sleep(1000)";
    is_stopped(&run_with(limits.clone(), json!({ "code": many })).await.unwrap(), "memory");
    let shares = "import os, time\nx = bytearray(100 << 20)\nfor n in range(8):\n if os.fork() == 0:\n  time.sleep(0.3)\n  \
        os._exit(0)\nfor n in range(8): os.wait()\nprint('done')";
    let ran = run_with(limits, json!({ "code": shares })).await.unwrap();
    assert_eq!(ran["stdout"], "done\n", "memory that is shared counts once: {ran}");
}

#[tokio::test]
async fn a_gigabyte_of_output_is_cut() {
    for to in ["stdout", "stderr"] {
        let code = format!("import sys\nfor n in range(1 << 10): sys.{to}.buffer.write(b'x' * (1 << 20))");
        let before = resident();
        let ran = run(&code).await;
        is_stopped(&ran, "output");
        assert_eq!(ran[format!("{to}_truncated")], true);
        let kept = ran[to].as_str().unwrap();
        assert!(
            kept.len() < (64 << 10) + 100 && kept.contains(" MB in the middle; print less]"),
            "{}",
            kept.len()
        );
        assert!(resident() < before + (256 << 20), "it is not held");
    }
    let ran = run("print('first'); print('x' * 1000_000); print('last')").await;
    assert_eq!(
        (&ran["exit_code"], &ran["stdout_truncated"], &ran["stopped"]),
        (&json!(0), &json!(true), &Value::Null)
    );
    let stdout = ran["stdout"].as_str().unwrap();
    assert!(stdout.starts_with("first\nxxx") && stdout.ends_with("xxx\nlast\n"), "both ends are there");
}

/// Bytes of this process in memory.
fn resident() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[tokio::test]
async fn the_disk_is_bounded() {
    let one = "f = open('a', 'wb')\nwhile True: f.write(b'x' * (1 << 20))";
    let ran = run(one).await;
    assert!(ran["stderr"].as_str().unwrap().contains("OSError: [Errno"), "{ran}");
    let many = "import os\ntotal = 0\nfor n in range(100):\n f = os.open(str(n), os.O_CREAT | os.O_WRONLY)\n \
        try: total += os.write(f, b'x' * (1 << 20))\n except OSError as error: print(error.strerror); break\n\
        print(total >> 20)";
    let out = printed(many).await;
    let (why, total) = out.trim().split_once('\n').unwrap();
    assert!(why == "No space left on device" && (60..=64).contains(&total.parse::<u32>().unwrap()), "{out}");
    let names =
        "import os\nn = 0\ntry:\n while True: open(str(n), 'w').close(); n += 1\nexcept OSError: print(n)";
    assert!(printed(names).await.trim().parse::<u32>().unwrap() < 5000);
}

#[tokio::test]
async fn processes_and_threads_are_bounded() {
    let bomb = "import os, time\nn = 0\ntry:\n while True:\n  if os.fork() == 0: time.sleep(1000)\n  n += 1\n\
        except OSError as error: print(n, error.strerror)";
    assert_eq!(printed(bomb).await, "31 Resource temporarily unavailable\n");
    let threads = "import threading, time, os\nn = 0\ntry:\n while True:\n  threading.Thread(target=time.sleep, args=(1000,), \
        daemon=True).start(); n += 1\nexcept RuntimeError as error: print(n, flush=True); os._exit(0)";
    assert_eq!(printed(threads).await, "31\n");
    let wild = "import os\nwhile True:\n try: os.fork()\n except OSError: pass";
    let limits = CodeLimits::default().with_wall(Duration::from_secs(2));
    is_stopped(&run_with(limits, json!({ "code": wild })).await.unwrap(), "time");
}

// Ways out.

#[tokio::test]
async fn there_is_no_network() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let connect = format!("socket.create_connection(('127.0.0.1', {port}), 1)");
    let results = tried(&[
        &connect,
        "socket.getaddrinfo('example.com', 80)",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 53))",
        "socket.socket(socket.AF_UNIX).connect('/run/dbus/system_bus_socket')",
        "socket.socket(socket.AF_UNIX).connect('\\0abstract')",
        "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
        "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)",
        "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
        "socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)",
        "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)",
    ])
    .await;
    assert_eq!((&*results[1], &*results[9]), ("gaierror", "OSError"), "{results:?}");
    assert!(
        results.iter().enumerate().all(|(n, result)| matches!(n, 1 | 9) || result == "PermissionError"),
        "{results:?}"
    );
    assert!(listener.accept().is_err(), "nobody called");
}

#[tokio::test]
async fn nothing_of_the_user_can_be_read() {
    let home = std::env::var("HOME").unwrap();
    let here = std::env::current_dir().unwrap();
    let secret = tempfile::NamedTempFile::new().unwrap();
    fs::write(secret.path(), "secret").unwrap();
    let lines = [
        "open('/etc/shadow')".to_owned(),
        "open('/etc/passwd')".to_owned(),
        format!("open({:?})", here.join("Cargo.toml")),
        format!("open({:?})", secret.path()),
        format!("os.listdir({here:?})"),
        "open('/proc/1/environ')".to_owned(),
        "open('/proc/self/environ')".to_owned(),
        "os.listdir('/proc/self/root')".to_owned(),
        "os.listdir('/proc')".to_owned(),
        "os.listdir('/sys')".to_owned(),
        "os.listdir('/old')".to_owned(),
        "open('/dev/mem')".to_owned(),
        "open('../../../../../../etc/shadow')".to_owned(),
        "os.symlink('/etc/shadow', 'link'); open('link')".to_owned(),
    ];
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    let results = tried(&lines).await;
    assert!(results.iter().all(|result| result == "FileNotFoundError"), "{results:?}");
    let listed = printed(&format!(
        "import os\nprint(sorted(os.listdir('/')))\nfor top, folders, files in os.walk({home:?}):\n print(top, files)\n break"
    ))
    .await;
    let (root, home) = listed.split_once('\n').unwrap();
    let known = ["bin", "dev", "etc", "lib", "lib32", "lib64", "nix", "sandbox", "sbin", "tmp", "usr", "var"];
    let beside: Vec<_> =
        root.trim_matches(['[', ']']).split(", ").map(|name| name.trim_matches('\'')).collect();
    let beside: Vec<_> = beside.into_iter().filter(|name| !known.contains(name)).collect();
    assert!(beside.len() <= 1, "where Python lies: {beside:?}");
    assert!(home.trim().is_empty() || home.trim().ends_with(" []"), "no file of the home: {home}");
    let marked = printed("import os\nprint([n for n in os.environ if 'CARGO' in n or 'TOKEN' in n])").await;
    assert!(std::env::vars().any(|(name, _)| name.contains("CARGO")), "there is something to see");
    assert_eq!(marked, "[]\n");
}

#[tokio::test]
async fn nothing_outside_the_folder_can_be_written() {
    let marker = format!("agentic-escape-{}", std::process::id());
    let python = printed("import os; print(os.__file__)").await;
    let places = [
        "/",
        "/usr",
        "/usr/lib",
        "/etc",
        "/dev",
        "/var",
        "/bin",
        Path::new(python.trim()).parent().unwrap().to_str().unwrap(),
    ];
    let lines: Vec<_> =
        places.iter().map(|place| format!("open({:?}, 'w')", format!("{place}/{marker}"))).collect();
    let mut lines: Vec<_> = lines.iter().map(String::as_str).collect();
    let symlink = format!("os.symlink('/usr', 'out'); open('out/{marker}', 'w')");
    let hard = format!("os.link('/usr/bin/env', '{marker}')");
    lines.extend([
        symlink.as_str(),
        hard.as_str(),
        "open('/proc/sys/kernel/core_pattern', 'w')",
        "open('/sys/kernel/uevent_helper', 'w')",
        "os.mknod('disk', 0o60666, os.makedev(8, 0))",
        "os.remove('/bin/sh')",
        "os.chmod('/usr', 0o777)",
        "os.rmdir('/sandbox')",
    ]);
    let results = tried(&lines).await;
    let refused = ["OSError", "PermissionError", "FileNotFoundError"];
    assert!(
        results.iter().all(|result| refused.contains(&result.as_str())),
        "{:?}",
        lines.iter().zip(&results).collect::<Vec<_>>()
    );
    assert_eq!(
        printed(&format!("open('/tmp/{marker}', 'w').write('x'); import os; print(sorted(os.listdir()))"))
            .await,
        format!("['{marker}', 'main.py']\n")
    );
    for place in places.iter().chain(&["/tmp", "/var/tmp", "/dev/shm"]) {
        assert!(!Path::new(place).join(&marker).exists(), "{place}");
    }
}

#[tokio::test]
async fn no_way_to_other_processes_or_into_the_kernel() {
    let ours = std::process::id();
    let kill = format!("os.kill({ours}, 0)");
    let (attach, read) = (
        format!("call('ptrace', 16, {ours}, 0, 0)"),
        format!("call('process_vm_readv', {ours}, 0, 0, 0, 0, 0)"),
    );
    let prelude = "libc = ctypes.CDLL(None, use_errno=True)\n\
        def call(name, *given):\n if getattr(libc, name)(*given) < 0: raise OSError(ctypes.get_errno(), name)\n\
        def number(n, *given):\n if libc.syscall(n, *given) < 0: raise OSError(ctypes.get_errno(), str(n))\n";
    let lines = [
        kill.as_str(),
        &attach,
        &read,
        "call('ptrace', 16, 1, 0, 0)",
        "call('unshare', 0x10000000)",
        "call('setns', 0, 0)",
        "call('mount', b'none', b'/sandbox', b'tmpfs', 0, 0)",
        "call('umount2', b'/sandbox', 2)",
        "call('chroot', b'/sandbox')",
        "os.setuid(0)",
        "os.setgroups([0])",
        "number(321, 0, 0, 0)",
        "number(250, 0, 0, 0, 0, 0)",
        "number(425, 1, 0)",
        "number(298, 0, 0, 0, 0, 0)",
        "number(323, 0)",
        "call('clone', 0, 0, 0x10000000, 0)",
        "number(435, 0, 0)",
        "number(319, b'x', 0)",
        "subprocess.run(['/usr/bin/unshare', '-Ur', 'true'], check=True, stderr=subprocess.DEVNULL)",
    ];
    let code = format!(
        "import os, ctypes, subprocess\n{prelude}for line in {}:\n try: exec(line); print('ok')\n \
         except BaseException as error: print(type(error).__name__)",
        json!(lines)
    );
    let results = printed(&code).await;
    let refused =
        ["OSError", "PermissionError", "ProcessLookupError", "CalledProcessError", "FileNotFoundError"];
    let by_line: Vec<_> = lines.iter().zip(results.lines()).collect();
    assert_eq!(by_line.len(), lines.len());
    assert!(by_line.iter().all(|(_, result)| refused.contains(result)), "{by_line:#?}");
    let first = "import os, time\nfor n in (9, 15, 19):\n try: os.kill(1, n)\n except PermissionError: pass\n\
        time.sleep(0.1); print(os.getpid())";
    assert_eq!(printed(first).await, "2\n", "the first process is deaf");
    let su = "import subprocess\nr = subprocess.run(['sh', '-c', 'su -c id; id -u; grep -c . /proc/self/status'], \
        capture_output=True, text=True, stdin=subprocess.DEVNULL)\nprint(r.stdout)";
    assert!(!printed(su).await.contains("uid=0"));
    let privileges = "import ctypes\nl = ctypes.CDLL(None)\nprint(l.prctl(39, 0, 0, 0, 0), l.prctl(3, 0, 0, 0, 0), \
        [c for c in range(41) if l.prctl(23, c, 0, 0, 0)], l.prctl(21, 0, 0, 0, 0))";
    assert!(
        printed(privileges).await.starts_with("1 ") && printed(privileges).await.contains(" [] 2"),
        "no new privileges, no capability, filtered"
    );
}

// Nothing stays.

/// The processes outside that have this in their command line.
fn having(marker: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&command).contains(marker) {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    found
}

/// The child of ours that keeps the sandbox in which this is running.
fn keeper_of(marker: &str) -> Option<String> {
    let mut pid = having(marker).pop()?;
    loop {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().to_owned();
        if parent == std::process::id().to_string() {
            return Some(pid);
        }
        pid = parent;
    }
}

/// A program that leaves something behind is running: its tool's call, and its keeper.
async fn running(marker: &str) -> (tokio::task::JoinHandle<Result<Value, ToolError>>, String) {
    let (tool, code): (Arc<dyn Tool>, _) = (Arc::new(tool().await), daemon(marker, "time.sleep(1000)"));
    let running = tokio::spawn(async move { call_in(&context(), &tool, json!({ "code": code })).await });
    loop {
        match keeper_of(marker) {
            Some(keeper) => return (running, keeper),
            None => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// Waits until nothing of it is left, or fails.
async fn gone(marker: &str, keeper: &str) {
    let began = Instant::now();
    while !having(marker).is_empty() || Path::new(&format!("/proc/{keeper}")).exists() {
        assert!(began.elapsed() < Duration::from_secs(5), "{keeper}: {:?}", having(marker));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Starts a process with a marker that leaves its group and its session, and whose parents are gone.
fn daemon(marker: &str, then: &str) -> String {
    format!(
        "import os, subprocess, time\nif os.fork() == 0:\n os.setsid()\n if os.fork() == 0:\n  \
         os.execvp('sh', ['sh', '-c', 'trap \"\" TERM HUP INT; while :; do sleep 1; done', '{marker}'])\n os._exit(0)\n\
         os.wait()\ntime.sleep(0.3)\nprint('left', flush=True)\n{then}"
    )
}

#[tokio::test]
async fn what_a_program_leaves_behind_is_gone_when_it_ends() {
    let marker = format!("agentic-left-{}", std::process::id());
    assert_eq!(printed(&daemon(&marker, "")).await, "left\n");
    assert_eq!(having(&marker), Vec::<String>::new());
    let limits = CodeLimits::default().with_wall(Duration::from_secs(1));
    let ran = run_with(limits, json!({ "code": daemon(&marker, "time.sleep(1000)") })).await.unwrap();
    is_stopped(&ran, "time");
    assert_eq!(ran["stdout"], "left\n");
    assert_eq!(having(&marker), Vec::<String>::new());
}

#[tokio::test]
async fn a_dropped_call_leaves_nothing() {
    let marker = format!("agentic-dropped-{}", std::process::id());
    let (running, keeper) = running(&marker).await;
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    gone(&marker, &keeper).await;
}

/// The keeper can be killed too; the sandbox goes with it.
#[tokio::test]
async fn a_killed_keeper_leaves_nothing() {
    let marker = format!("agentic-orphan-{}", std::process::id());
    let (running, keeper) = running(&marker).await;
    let pid = rustix::process::Pid::from_raw(keeper.parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let error = running.await.unwrap().expect_err("no end of the program was seen").to_string();
    assert!(error.contains("killed from outside"), "{error}");
    gone(&marker, &keeper).await;
}

#[tokio::test]
async fn calls_beside_each_other_do_not_meet() {
    let tool: Arc<dyn Tool> = Arc::new(tool().await);
    let calls = (0..8).map(|n| {
        let tool = tool.clone();
        async move {
            let code = format!(
                "import os, time\nopen('mine-{n}', 'w'); time.sleep(0.1); print({n}, sorted(os.listdir()))"
            );
            call_in(&context(), &tool, json!({ "code": code })).await.unwrap()["stdout"].clone()
        }
    });
    for (n, stdout) in futures_util::future::join_all(calls).await.into_iter().enumerate() {
        assert_eq!(stdout, format!("{n} ['main.py', 'mine-{n}']\n"));
    }
}

#[tokio::test]
async fn a_python_that_does_not_work_inside_is_named() {
    let error = RunCode::new().with_python("/no/such/python3").ready().await.expect_err("none");
    assert_eq!(error.kind(), ToolErrorKind::Unavailable);
    assert!(error.message().contains("/no/such/python3"), "{error}");
}

#[tokio::test]
async fn what_lies_among_the_systems_own_is_never_shown() {
    let shown = printed("import os\nprint(sorted(set(os.listdir('/usr')) - {'bin', 'lib', 'lib32', 'lib64', 'libexec', 'local', 'sbin', 'share'}))").await;
    assert_eq!(shown, "[]\n", "projects may lie in /usr/src and the like");
    let error = RunCode::new().hiding("/usr/share/of-a-project").ready().await.expect_err("it would be seen");
    assert_eq!(error.kind(), ToolErrorKind::Unsupported);
    assert!(error.message().contains("/usr/share/of-a-project lies in /usr/share"), "{error}");
}
