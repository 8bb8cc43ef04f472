//! CPU and memory of the machine, from `/proc`.

use std::sync::Mutex;

/// How much of the machine is in use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Usage {
    /// Share of all cores in use since the last look, 0 to 1.
    pub(super) cpu: f64,
    /// Memory of the machine, bytes.
    pub(super) memory_total: u64,
    /// Memory in use, bytes.
    pub(super) memory_used: u64,
}

/// Jiffies over all cores since the machine started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct CpuTime {
    busy: u64,
    total: u64,
}

/// Looks at the machine; the share of the CPU is that since the look before.
pub(super) struct Host {
    before: Mutex<(CpuTime, f64)>,
}

impl Host {
    /// Takes a first look.
    pub(super) fn new() -> Self {
        Self {
            before: Mutex::new((read("/proc/stat").as_deref().and_then(cpu_time).unwrap_or_default(), 0.0)),
        }
    }

    /// How much is in use; `None` where the machine does not tell.
    pub(super) fn usage(&self) -> Option<Usage> {
        let now = cpu_time(&read("/proc/stat")?)?;
        let (memory_total, memory_used) = memory(&read("/proc/meminfo")?)?;
        let mut before = self.before.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let total = now.total.saturating_sub(before.0.total);
        // Two looks within one jiffy: nothing new is known.
        if total > 0 {
            *before = (now, now.busy.saturating_sub(before.0.busy) as f64 / total as f64);
        }
        Some(Usage { cpu: before.1, memory_total, memory_used })
    }
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// Reads the line over all cores: user nice system idle iowait irq softirq steal, then guest times,
/// which the first two hold already.
fn cpu_time(stat: &str) -> Option<CpuTime> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let times: Vec<u64> =
        line.split_ascii_whitespace().take(8).filter_map(|time| time.parse().ok()).collect();
    let total = times.iter().sum();
    let idle = times.get(3)? + times.get(4).copied().unwrap_or(0);
    Some(CpuTime { busy: total - idle, total })
}

fn memory(meminfo: &str) -> Option<(u64, u64)> {
    let field = |name: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
        Some(kibibytes << 10)
    };
    let total = field("MemTotal:")?;
    Some((total, total.saturating_sub(field("MemAvailable:")?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_and_waiting_cores_are_not_busy() {
        let stat = "cpu  10 1 5 70 4 0 6 4 9 9\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
        assert_eq!(cpu_time(stat), Some(CpuTime { busy: 26, total: 100 }));
        assert_eq!(cpu_time("intr 1\n"), None);
    }

    #[test]
    fn memory_in_use_is_what_is_not_available() {
        let meminfo = "MemTotal:       2048 kB\nMemFree:  1 kB\nMemAvailable:    1024 kB\n";
        assert_eq!(memory(meminfo), Some((2048 << 10, 1024 << 10)));
        assert_eq!(memory("MemTotal: lots\n"), None);
    }

    #[test]
    fn this_machine_tells() {
        let usage = Host::new().usage().unwrap();
        assert!((0.0..=1.0).contains(&usage.cpu) && usage.memory_used <= usage.memory_total);
    }
}
