//! What a program prints, bounded.

use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::support::size;

/// The start and the end of an output; what lies between is counted and dropped while it is read.
#[derive(Debug)]
pub(super) struct Output {
    most: usize,
    start: Vec<u8>,
    end: Vec<u8>,
    dropped: u64,
}

impl Output {
    /// An empty one that keeps so many bytes: half of them from the start, half from the end.
    pub(super) fn new(most: usize) -> Self {
        Self { most, start: Vec::new(), end: Vec::new(), dropped: 0 }
    }

    /// Reads until the end.
    #[cfg(feature = "shell")]
    pub(super) async fn read(pipe: Option<impl AsyncRead + Unpin>, most: usize) -> std::io::Result<Self> {
        let mut output = Self::new(most);
        output.read_on(pipe, |_| {}).await?;
        Ok(output)
    }

    /// Reads until the end; says after each piece how many bytes there were.
    pub(super) async fn read_on(
        &mut self,
        pipe: Option<impl AsyncRead + Unpin>,
        mut seen: impl FnMut(u64),
    ) -> std::io::Result<()> {
        let Some(mut pipe) = pipe else { return Ok(()) };
        let mut buffer = vec![0; 16 * 1024];
        let mut total = 0;
        loop {
            match pipe.read(&mut buffer).await? {
                0 => return Ok(()),
                read => {
                    self.add(&buffer[..read]);
                    total += read as u64;
                    seen(total);
                }
            }
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        let (first, rest) = bytes.split_at(bytes.len().min(self.most / 2 - self.start.len()));
        self.start.extend_from_slice(first);
        self.end.extend_from_slice(rest);
        // Seldom enough that moving the rest costs little.
        if self.end.len() > 4 * self.most {
            self.shorten();
        }
    }

    fn shorten(&mut self) {
        let over = self.end.len().saturating_sub(self.most / 2);
        self.end.drain(..over);
        self.dropped += over as u64;
    }

    /// Whether something in the middle is missing.
    #[cfg(all(feature = "code", target_os = "linux", any(target_arch = "aarch64", target_arch = "x86_64")))]
    pub(super) fn is_cut(&self) -> bool {
        self.dropped > 0 || self.end.len() > self.most / 2
    }

    /// What was kept, with a line where something is missing that says what to do.
    pub(super) fn text(mut self, advice: &str) -> String {
        self.shorten();
        if self.dropped == 0 {
            self.start.append(&mut self.end);
            return String::from_utf8_lossy(&self.start).into_owned();
        }
        let end = String::from_utf8_lossy(&self.end);
        let (start, dropped) = (String::from_utf8_lossy(&self.start), size(self.dropped));
        format!("{start}\n[cut: {dropped} in the middle; {advice}]\n{end}")
    }
}
