//! What the program finds: a root folder of its own with the system's programs and libraries, Python, a few devices,
//! and one folder that it may write into.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString};
use std::fs;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount, mount_change,
    move_mount, open_tree, unmount,
};

use super::super::run_code::TextFile;
use super::step::{At as _, Failed, Step};
use super::{FOLDER, SandboxError, raw};

/// The system's own, as far as it exists here: programs, libraries and what belongs to these. Nothing else of `/usr`, where
/// people keep projects too, as in `/usr/src/app`; nothing of `/etc` but where libraries are.
const SYSTEM: [&str; 18] = [
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/share",
    "/usr/local/bin",
    "/usr/local/lib",
    "/usr/local/lib64",
    "/usr/local/share",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/nix/store",
    "/etc/ld.so.cache",
];
const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];
/// Where programs look for room; it is the folder, as there is no other.
const LINKS: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];
/// Files and folders that fit into the folder.
const MOST_FILES: u32 = 4096;

/// How the root folder is made, step by step.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    makes: Vec<Make>,
    /// The options of the file system of the folder.
    room: CString,
    files: Vec<Make>,
}

#[derive(Clone, Debug)]
enum Make {
    Folder(CString),
    /// A part of what is outside, at the same place; it was opened before.
    Tree {
        at: CString,
        is_folder: bool,
        is_device: bool,
    },
    Link {
        to: CString,
        at: CString,
    },
    Text {
        at: CString,
        text: Vec<u8>,
    },
}

impl Layout {
    /// A root folder with these folders of outside besides the system's, if none of these private ones lies within.
    pub(super) fn new(folders: &[PathBuf], private: &[PathBuf], room: u64) -> Result<Self, SandboxError> {
        let mut layout = Self { makes: Vec::new(), room: c(room_of(room))?, files: Vec::new() };
        let mut made = BTreeSet::from([PathBuf::from("/")]);
        layout.parents(Path::new(FOLDER).join("x").as_path(), &mut made)?;
        let mut trees: Vec<PathBuf> = Vec::new();
        let wanted = SYSTEM.iter().chain(&DEVICES).map(PathBuf::from).chain(folders.iter().cloned());
        for path in wanted {
            if path.starts_with(FOLDER) {
                let message = format!("{} is where its sandbox has its folder", path.display());
                return Err(SandboxError::Unavailable(message));
            }
            let Ok(is) = fs::symlink_metadata(&path) else { continue };
            if let Some(own) = private.iter().find(|own| own.starts_with(&path) && **own != path) {
                let message = format!(
                    "{} lies in {}, which every program in the sandbox can read; move it elsewhere",
                    own.display(),
                    path.display()
                );
                return Err(SandboxError::Unavailable(message));
            }
            if trees.iter().any(|tree| path.starts_with(tree)) {
                continue;
            }
            layout.parents(&path, &mut made)?;
            if is.is_symlink() {
                let Ok(to) = fs::read_link(&path) else { continue };
                layout.makes.push(Make::Link { to: c(&to)?, at: c(&path)? });
            } else {
                let is_device = path.starts_with("/dev");
                layout.makes.push(Make::Tree { at: c(&path)?, is_folder: is.is_dir(), is_device });
            }
            made.insert(path.clone());
            trees.push(path);
        }
        for link in LINKS.map(Path::new) {
            // A Python that lies there is more important.
            if !made.contains(link) {
                layout.parents(link, &mut made)?;
                layout.makes.push(Make::Link { to: c(FOLDER)?, at: c(link)? });
            }
        }
        Ok(layout)
    }

    /// The same with these files in the folder.
    pub(super) fn with(&self, files: &[TextFile]) -> Result<Self, SandboxError> {
        let mut layout = self.clone();
        let mut made = BTreeSet::from([PathBuf::from(FOLDER)]);
        for file in files {
            let path = Path::new(FOLDER).join(&file.name);
            let folders: Vec<_> =
                path.ancestors().skip(1).take_while(|folder| *folder != Path::new(FOLDER)).collect();
            for folder in folders.into_iter().rev() {
                if made.insert(folder.to_owned()) {
                    layout.files.push(Make::Folder(c(folder)?));
                }
            }
            layout.files.push(Make::Text { at: c(&path)?, text: file.text.clone().into_bytes() });
        }
        Ok(layout)
    }

    /// How many parts of outside there are.
    pub(super) fn trees(&self) -> usize {
        self.makes.iter().filter(|make| matches!(make, Make::Tree { .. })).count()
    }

    fn parents(&mut self, path: &Path, made: &mut BTreeSet<PathBuf>) -> Result<(), SandboxError> {
        let Some(parent) = path.parent() else { return Ok(()) };
        if !made.contains(parent) {
            self.parents(parent, made)?;
            self.makes.push(Make::Folder(c(parent)?));
            made.insert(parent.to_owned());
        }
        Ok(())
    }

    /// Opens the parts of outside, read-only. Between fork and exec; `trees` has room for all.
    pub(super) fn open(&self, trees: &mut Vec<OwnedFd>) -> Result<(), Failed> {
        for make in &self.makes {
            let Make::Tree { at, is_device, .. } = make else { continue };
            let flags = OpenTreeFlags::OPEN_TREE_CLONE
                | OpenTreeFlags::OPEN_TREE_CLOEXEC
                | OpenTreeFlags::AT_RECURSIVE;
            let tree = open_tree(CWD, at.as_c_str(), flags).at(Step::Trees)?;
            raw::read_only(tree.as_fd(), c"", *is_device, true).at(Step::Trees)?;
            trees.push(tree);
        }
        Ok(())
    }

    /// Makes the root folder, and leaves the old one behind. Between fork and exec.
    pub(super) fn enter(&self, trees: &[OwnedFd]) -> Result<(), Failed> {
        // `/proc` is there in any case, and not needed any more.
        let (base, old) = (c"/proc", c"/proc/old");
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount_change(c"/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).at(Step::Root)?;
        mount(c"none", base, c"tmpfs", flags, c"size=1m,nr_inodes=1k,mode=0755").at(Step::Root)?;
        rustix::fs::mkdir(old, Mode::RWXU).at(Step::Root)?;
        rustix::process::pivot_root(base, old).at(Step::Root)?;
        rustix::process::chdir(c"/").at(Step::Root)?;
        unmount(c"/old", UnmountFlags::DETACH).at(Step::Root)?;
        rustix::fs::rmdir(c"/old").at(Step::Root)?;
        let mut trees = trees.iter();
        for make in &self.makes {
            make.run(&mut trees).at(Step::Root)?;
        }
        mount(c"none", FOLDER, c"tmpfs", flags, self.room.as_c_str()).at(Step::Folder)?;
        for file in &self.files {
            file.run(&mut trees).at(Step::Files)?;
        }
        raw::read_only(CWD, c"/", false, false).at(Step::Root)?;
        rustix::process::chdir(FOLDER).at(Step::Folder)
    }
}

impl Make {
    fn run(&self, trees: &mut std::slice::Iter<'_, OwnedFd>) -> rustix::io::Result<()> {
        let folder_mode = Mode::RWXU | Mode::RGRP | Mode::XGRP | Mode::ROTH | Mode::XOTH;
        match self {
            Self::Folder(at) => rustix::fs::mkdir(at.as_c_str(), folder_mode),
            Self::Link { to, at } => rustix::fs::symlink(to.as_c_str(), at.as_c_str()),
            Self::Tree { at, is_folder, .. } => {
                if *is_folder {
                    rustix::fs::mkdir(at.as_c_str(), folder_mode)?;
                } else {
                    write(at, b"")?;
                }
                let Some(tree) = trees.next() else { return Err(rustix::io::Errno::NOENT) };
                move_mount(tree, c"", CWD, at.as_c_str(), MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
            }
            Self::Text { at, text } => write(at, text),
        }
    }
}

fn write(at: &CStr, mut text: &[u8]) -> rustix::io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = rustix::fs::open(at, flags, Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH)?;
    while !text.is_empty() {
        let written = rustix::io::write(&file, text)?;
        text = text.get(written..).unwrap_or_default();
    }
    Ok(())
}

fn room_of(bytes: u64) -> String {
    format!("size={bytes},nr_inodes={MOST_FILES},mode=0755")
}

fn c(path: impl AsRef<Path>) -> Result<CString, SandboxError> {
    let path = path.as_ref();
    CString::new(path.as_os_str().as_bytes())
        .map_err(|_| SandboxError::Unavailable(format!("{} has a zero byte", path.display())))
}
