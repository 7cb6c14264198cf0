//! The system packages that the build and the model fetcher need.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::process;

/// Something that has to be on the machine.
struct Need {
    what: &'static str,
    why: &'static str,
    /// Debian's and Ubuntu's package.
    apt: &'static str,
    is_there: fn() -> bool,
}

const NEEDS: &[Need] = &[
    Need {
        what: "a C++ compiler and make",
        why: "llama.cpp is compiled with it",
        apt: "build-essential",
        is_there: || {
            (answers("c++") || answers("g++") || answers("clang++")) && (answers("make") || answers("ninja"))
        },
    },
    Need { what: "cmake", why: "llama.cpp is built by it", apt: "cmake", is_there: || answers("cmake") },
    Need {
        what: "clang",
        why: "it tells where the C headers are",
        apt: "clang",
        is_there: || answers("clang"),
    },
    Need { what: "libclang", why: "it reads llama.cpp's C headers", apt: "libclang-dev", is_there: libclang },
    Need {
        what: "root certificates",
        why: "models are fetched by HTTPS",
        apt: "ca-certificates",
        is_there: certificates,
    },
    Need {
        what: "pip",
        why: "the model fetcher's second source, where no model hub can be reached",
        apt: "python3-pip",
        is_there: || answers("pip3") || answers("pip") || module("pip"),
    },
];

/// What to type on other systems.
const ELSEWHERE: &str = if cfg!(target_os = "macos") {
    "xcode-select --install; brew install cmake llvm python"
} else if cfg!(windows) {
    "winget install Microsoft.VisualStudio.2022.BuildTools Kitware.CMake LLVM.LLVM Python.Python.3.13"
} else {
    "Fedora: dnf install gcc-c++ make cmake clang clang-devel python3-pip; Arch: pacman -S base-devel cmake clang python-pip"
};

/// Installs what is missing; says so if nothing is.
pub(crate) fn install_missing() -> Result<()> {
    if missing().is_empty() {
        println!("setup: nothing is missing ({})", list(NEEDS.iter()));
        return Ok(());
    }
    ensure()
}

/// Installs what is missing, silently if nothing is.
///
/// # Errors
/// If it can't: with the command that a person has to type.
pub(crate) fn ensure() -> Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    for need in &missing {
        eprintln!("setup: {} is missing ({})", need.what, need.why);
    }
    // On macOS and Windows the tools may lie where only their build scripts look: a hint, and the build decides.
    if cfg!(any(target_os = "macos", windows)) {
        eprintln!("setup: if the build fails, install what is missing: {ELSEWHERE}");
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|need| need.apt).collect();
    if !(answers("apt-get") && Path::new("/etc/debian_version").exists()) {
        bail!("install {} by hand ({ELSEWHERE}), then try again", list(missing.into_iter()));
    }
    let install = apt(&["install", "-y", "--no-install-recommends"], &packages);
    let Some(mut install) = install else {
        bail!("as root, type: apt-get update && apt-get install -y {}", packages.join(" "));
    };
    if let Some(mut update) = apt(&["update", "-q"], &[]) {
        process::run(&mut update)?;
    }
    process::run(&mut install)?;
    let still = self::missing();
    if !still.is_empty() {
        bail!("{} is still missing after apt-get install {}", list(still.into_iter()), packages.join(" "));
    }
    Ok(())
}

fn missing() -> Vec<&'static Need> {
    NEEDS.iter().filter(|need| !(need.is_there)()).collect()
}

fn list<'a>(needs: impl Iterator<Item = &'a Need>) -> String {
    needs.map(|need| need.what).collect::<Vec<_>>().join(", ")
}

/// `apt-get`, as root or by sudo; `None` if there is neither.
fn apt(verb: &[&str], packages: &[&str]) -> Option<Command> {
    let mut command = if is_root() {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    } else if answers("sudo") {
        let mut command = Command::new("sudo");
        command.args(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        command
    } else {
        return None;
    };
    command.args(verb).args(packages);
    Some(command)
}

pub(crate) fn is_root() -> bool {
    process::read(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// This user's pip.
///
/// # Errors
/// If there is none.
pub(crate) fn pip() -> Result<Command> {
    if let Some(pip) = ["pip3", "pip"].into_iter().find(|pip| answers(pip)) {
        return Ok(Command::new(pip));
    }
    let has_pip = |python: &&str| process::succeeds(Command::new(python).args(["-m", "pip", "--version"]));
    let Some(python) = ["python3", "python"].into_iter().find(has_pip) else {
        bail!("pip is missing; run: cargo xtask setup");
    };
    let mut pip = Command::new(python);
    pip.args(["-m", "pip"]);
    Ok(pip)
}

fn answers(program: &str) -> bool {
    process::succeeds(Command::new(program).arg("--version"))
}

fn module(name: &str) -> bool {
    ["python3", "python"]
        .iter()
        .any(|python| process::succeeds(Command::new(python).args(["-m", name, "--version"])))
}

/// Other systems have them from the start.
fn certificates() -> bool {
    let files =
        ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
    !cfg!(target_os = "linux")
        || std::env::var_os("SSL_CERT_FILE").is_some()
        || files.iter().any(|file| Path::new(file).exists())
}

/// Looks where the loader of libclang looks first on Linux; elsewhere the build itself finds out.
fn libclang() -> bool {
    if std::env::var_os("LIBCLANG_PATH").is_some() || !cfg!(target_os = "linux") {
        return true;
    }
    let below = |folder: &str| -> Vec<PathBuf> {
        std::fs::read_dir(folder)
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default()
    };
    let mut folders: Vec<PathBuf> = ["/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64"]
        .iter()
        .flat_map(|folder| below(folder).into_iter().chain([PathBuf::from(folder)]))
        .collect();
    folders.extend(folders.iter().map(|folder| folder.join("lib")).collect::<Vec<_>>());
    folders.iter().filter_map(|folder| folder.to_str()).any(|folder| {
        below(folder).iter().filter_map(|path| path.file_name()?.to_str()).any(|name| {
            // `libclang.so`, `libclang-14.so.1`, but not `libclang-cpp.so`.
            name.strip_prefix("libclang").is_some_and(|rest| {
                rest.contains(".so") && !rest.starts_with("-cpp") && !rest.starts_with("_")
            })
        })
    })
}
