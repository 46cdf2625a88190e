//! Errors of the kernel side, each with its cause and its remedy.

use std::io;

use aya::EbpfError;

use super::capabilities::{self, Capability};
use super::errno::os_error;
use super::name::InterfaceName;
use super::pins;

/// The oldest kernel whose verifier takes the programs: older ones know no
/// atomic exchange.
pub(super) const MINIMUM_KERNEL: (u8, u8) = (5, 12);

/// The reason why a request to the kernel failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel is older than the oldest that is supported.
    #[error(
        "kernel {found} is too old: {}.{} or later is needed",
        MINIMUM_KERNEL.0, MINIMUM_KERNEL.1
    )]
    KernelTooOld {
        /// The running kernel's version.
        found: String,
    },
    /// The process may not use eBPF.
    #[error(
        "cannot {action}: operation not permitted {}",
        remedy(.lacking, *.are_given_up)
    )]
    NotPermitted {
        /// The action that was refused.
        action: String,
        /// The needed capabilities that the process lacks.
        lacking: Vec<Capability>,
        /// True if the exporter gave them up itself: see [`Rights`].
        ///
        /// [`Rights`]: super::Rights
        are_given_up: bool,
    },
    /// The programs do not load.
    #[error("cannot load the eBPF programs: {reason}")]
    Load {
        /// The kernel's or the loader's reason, in one line.
        reason: String,
    },
    /// The process has reached its limit of open files.
    #[error(
        "cannot {action}: too many open files, of which an interface needs \
         two; raise the limit: LimitNOFILE= of the unit, or ulimit -Hn"
    )]
    TooManyFiles {
        /// The action that failed.
        action: String,
    },
    /// The kernel has neither TCX nor the clsact qdisc and bpf filters.
    #[error(
        "cannot {action}: the kernel has neither TCX (Linux 6.6) nor the \
         clsact qdisc and bpf filters: load the modules sch_ingress and \
         cls_bpf, or use a kernel with CONFIG_NET_SCH_INGRESS and \
         CONFIG_NET_CLS_BPF"
    )]
    NoHook {
        /// The action that failed.
        action: String,
    },
    /// The ingress qdisc of a device has no hook for sent packets.
    #[error(
        "cannot attach to interface {name}: it has an ingress qdisc, which \
         has no place for what is sent; put a clsact one there, which can do \
         all that the other can: tc qdisc del dev {name} ingress, then \
         tc qdisc add dev {name} clsact"
    )]
    IngressQdisc {
        /// The interface.
        name: InterfaceName,
    },
    /// A call failed.
    #[error("cannot {action}")]
    Call {
        /// The action that failed.
        action: String,
        /// The kernel's error.
        #[source]
        source: io::Error,
    },
    /// The ifindex is another device's by now, or the device has another name.
    #[error("interface {name} is another device by now")]
    Replaced {
        /// The name it was expected to have.
        name: InterfaceName,
    },
    /// The pins of an earlier process are in the way.
    #[error(transparent)]
    Pins(#[from] pins::Fault),
    /// Connections can be counted neither by programs nor by lists.
    #[error("cannot count TCP connections: {programs}; {lists}")]
    NoConnections {
        /// The reason why there are no programs.
        programs: String,
        /// The reason why there are no lists.
        lists: String,
    },
    /// Every interface number is taken.
    #[error("cannot count more than {limit} interfaces at the same time")]
    TooManyInterfaces {
        /// The number of interface numbers.
        limit: u32,
    },
}

impl Error {
    /// Returns an error of a call, which names the missing capability if the
    /// kernel refused for lack of one.
    pub(super) fn call(action: impl Into<String>, source: io::Error) -> Self {
        let action = action.into();
        match source.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => {
                let lacking = Capability::lacking();
                Self::NotPermitted { action, lacking, are_given_up: false }
            }
            Some(libc::EMFILE) => Self::TooManyFiles { action },
            _ => Self::Call { action, source },
        }
    }

    /// Returns the resource that the process has too little of, if this is the
    /// cause: the next interface will fail for the same reason.
    #[must_use]
    pub fn shortage(&self) -> Option<String> {
        match self {
            Self::TooManyInterfaces { limit } => {
                Some(format!("at most {limit} are counted at the same time"))
            }
            Self::TooManyFiles { .. } => Some(
                "too many open files, of which an interface needs two; raise \
                 the limit: LimitNOFILE= of the unit, or ulimit -Hn"
                    .into(),
            ),
            _ => None,
        }
    }

    /// Returns whether no device has the requested ifindex and name any more.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        match self {
            Self::Replaced { .. } => true,
            Self::Call { source, .. } => {
                source.raw_os_error() == Some(libc::ENODEV)
            }
            _ => false,
        }
    }
}

/// Names the missing capabilities and the way to get them.
fn remedy(lacking: &[Capability], are_given_up: bool) -> String {
    if lacking.is_empty() {
        return "although the process has every capability it needs: a user \
                namespace, a container's seccomp filter, or another security \
                policy of this system forbids it"
            .into();
    }
    let names = capabilities::names(lacking).join(", ");
    if are_given_up {
        return format!(
            "(without {names}, given up after the start, or by the filter of \
             system calls): sandbox = false keeps everything"
        );
    }
    let needed = capabilities::names(&Capability::NEEDED);
    format!(
        "(missing {names}); run as root, or grant the capabilities: \
         AmbientCapabilities={} in its unit, or setcap {}+ep \
         /path/to/geoip-exporter",
        needed.join(" "),
        needed.join(",").to_lowercase()
    )
}

/// Returns the error of a failed load: a refusal if the kernel's reason is one,
/// else one line, even if the kernel's verifier wrote its whole log.
pub(super) fn load_error(error: EbpfError) -> Error {
    let action = "load the eBPF programs";
    if let Some(source) = os_error(&error) {
        // Loading needs all of them. Without one the kernel may say EPERM, but
        // the verifier also says EACCES or EINVAL, as it does if it rejects a
        // program.
        let lacking = Capability::lacking();
        if !lacking.is_empty() {
            return Error::NotPermitted {
                action: action.into(),
                lacking,
                are_given_up: false,
            };
        }
        if source.raw_os_error() == Some(libc::EPERM) {
            return Error::call(action, source);
        }
    }
    Error::Load { reason: load_reason(&error) }
}

/// Returns the reason of a failed load in one line.
pub(super) fn load_reason(error: &EbpfError) -> String {
    let mut reasons = Vec::new();
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default();
        let reason = line.split(" Verifier output").next().unwrap_or(line);
        if !reasons.iter().any(|r: &String| r.contains(reason)) {
            reasons.push(reason.trim_end_matches('.').to_owned());
        }
        next = error.source();
    }
    reasons.join(": ")
}

/// Returns the error for an object that does not belong to this program.
pub(super) fn missing_part(name: &str) -> Error {
    Error::Load { reason: format!("the object has no fitting {name:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_capability_is_named_with_the_command_that_grants_it() {
        let error = Error::NotPermitted {
            action: "load the eBPF programs".into(),
            lacking: vec![Capability::Bpf, Capability::NetAdmin],
            are_given_up: false,
        };
        let text = error.to_string();
        assert!(text.contains("missing CAP_BPF, CAP_NET_ADMIN"), "{text}");
        assert!(text.contains("setcap cap_bpf,"), "{text}");
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn a_refusal_for_another_reason_does_not_ask_for_capabilities() {
        let error = Error::NotPermitted {
            action: "load the eBPF programs".into(),
            lacking: vec![],
            are_given_up: false,
        };
        let text = error.to_string();
        assert!(text.contains("user namespace"), "{text}");
        assert!(!text.contains("setcap"), "{text}");
    }

    #[test]
    fn what_the_exporter_gave_up_itself_is_not_asked_for() {
        let text = remedy(&[Capability::Bpf], true);
        assert!(text.contains("CAP_BPF, given up"), "{text}");
        assert!(text.contains("sandbox = false"), "{text}");
        assert!(!text.contains("setcap"), "{text}");
    }

    #[test]
    fn a_lack_of_open_files_names_the_limit() {
        let source = io::Error::from_raw_os_error(libc::EMFILE);
        let text = Error::call("attach to interface eth0", source).to_string();
        assert!(text.starts_with("cannot attach to interface eth0: too many"));
        assert!(text.contains("LimitNOFILE="), "{text}");
        let source = io::Error::from_raw_os_error(libc::EMFILE);
        let shortage = Error::call("attach to eth0", source).shortage();
        assert!(text.ends_with(&shortage.unwrap()), "{text}");
    }

    #[test]
    fn only_a_missing_device_is_gone() {
        let error =
            |code| Error::call("attach", io::Error::from_raw_os_error(code));
        assert!(error(libc::ENODEV).is_gone());
        assert!(!error(libc::EPERM).is_gone());
        assert!(!error(libc::ENOMEM).is_gone());
    }
}
