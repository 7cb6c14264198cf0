//! What a program may use.

use std::time::Duration;

/// What one program of [`RunCode`](super::RunCode) may use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CodeLimits {
    /// How long it may run; then it is stopped (`time`). Default: 10 s.
    pub wall: Duration,
    /// The processor time of each of its processes, in whole seconds; then it is stopped (`cpu`). Default: 10 s.
    pub cpu: Duration,
    /// Bytes of memory. A process that asks for more gets none (`MemoryError`); if all of them together have more, the
    /// program is stopped (`memory`), which is looked at fifty times a second. Default: 512 MiB.
    pub memory: u64,
    /// Bytes that are kept of each of its two outputs, half from the start and half from the end. A program that
    /// prints [64 times](Self::FLOOD) as much is stopped (`output`). Default: 64 KiB.
    pub output: usize,
    /// Processes and threads at one time, the first among them. Default: 32.
    pub processes: u32,
    /// Bytes of all its files together, in memory; then there is no room on its disk. Default: 64 MiB.
    pub files: u64,
}

impl Default for CodeLimits {
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(10),
            cpu: Duration::from_secs(10),
            memory: 512 << 20,
            output: 64 << 10,
            processes: 32,
            files: 64 << 20,
        }
    }
}

impl CodeLimits {
    /// How many times more than is kept a program may print before it is stopped.
    pub const FLOOD: u64 = 64;

    /// The same limits with this wall time.
    pub fn with_wall(mut self, wall: Duration) -> Self {
        self.wall = wall;
        self
    }

    /// The same limits with this processor time.
    pub fn with_cpu(mut self, cpu: Duration) -> Self {
        self.cpu = cpu;
        self
    }

    /// The same limits with so many bytes of memory.
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// The same limits with so many bytes kept of each output.
    pub fn with_output(mut self, bytes: usize) -> Self {
        self.output = bytes;
        self
    }

    /// The same limits with so many processes and threads.
    pub fn with_processes(mut self, processes: u32) -> Self {
        self.processes = processes;
        self
    }

    /// The same limits with so many bytes of files.
    pub fn with_files(mut self, bytes: u64) -> Self {
        self.files = bytes;
        self
    }
}
