//! What a process spends, from `/proc`; zero where there is none.

/// CPU time and memory of a process.
pub(super) struct Usage {
    pub(super) name: &'static str,
    pid: u32,
    pub(super) cpu_us: u64,
    pub(super) peak_rss_mib: f64,
}

impl Usage {
    pub(super) fn of(name: &'static str, pid: u32) -> Self {
        Self {
            name,
            pid,
            cpu_us: cpu_us(pid).unwrap_or(0),
            peak_rss_mib: peak_rss_mib(pid).unwrap_or(0.0),
        }
    }

    /// What it spent since; the peak is that of its whole life.
    pub(super) fn since(&self) -> Self {
        let now = Self::of(self.name, self.pid);
        Self {
            cpu_us: now.cpu_us.saturating_sub(self.cpu_us),
            ..now
        }
    }
}

/// User and system time: fields 14 and 15, in ticks of a hundredth of a second (the kernel's fixed unit for this file).
fn cpu_us(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold spaces.
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(ticks * 10_000)
}

fn peak_rss_mib(pid: u32) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim()
        .strip_suffix(" kB")?
        .trim()
        .parse::<f64>()
        .ok()
        .map(|kib| kib / 1024.0)
}
