//! The TFTP server and what goes wrong in its transfers.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::text_form;

/// How the TFTP server behaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Tftp {
    /// There is a server at all; without one the port is closed (ICMP is not sent).
    pub enabled: bool,
    /// Takes options (RFC 2347); otherwise they are ignored as by a server of 1992.
    pub options: bool,
    /// Largest block size it agrees to; 1468 fits an Ethernet frame.
    pub max_blksize: u16,
    /// Largest window it agrees to (RFC 7440).
    pub max_windowsize: u16,
    /// Block number after 65535: 0 or 1, servers differ.
    pub wrap_to: u16,
    /// Host time after which an unacknowledged window is sent again, at most five times.
    #[serde(with = "text_form::duration")]
    #[schemars(with = "text_form::DurationText")]
    pub retransmit: Duration,
    /// Host time by which the first reply to a request over IPv6 is held back.
    ///
    /// edk2 (2022.11) loses a reply that comes before it has turned from sending to receiving, and takes a repetition;
    /// under a virtual clock its patience is over before the server repeats. Any real network is slower than this.
    #[serde(with = "text_form::duration")]
    #[schemars(with = "text_form::DurationText")]
    pub ipv6_reply_delay: Duration,
    /// What goes wrong in transfers; the first whose file matches counts.
    pub faults: Vec<TftpFault>,
}

impl Default for Tftp {
    fn default() -> Self {
        Self {
            enabled: true,
            options: true,
            max_blksize: 1468,
            max_windowsize: 64,
            wrap_to: 0,
            retransmit: Duration::from_secs(1),
            ipv6_reply_delay: Duration::from_millis(5),
            faults: Vec::new(),
        }
    }
}

/// Something that goes wrong in a TFTP transfer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TftpFault {
    /// The file as offered; `None` for every file.
    pub file: Option<String>,
    /// What happens.
    pub kind: TftpFaultKind,
}

/// What goes wrong in a TFTP transfer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum TftpFaultKind {
    /// The request is not answered.
    Silent,
    /// The request is answered with this error.
    Refuse {
        /// RFC 1350 error code.
        code: u16,
        /// For people.
        message: String,
    },
    /// This error comes instead of a block.
    ErrorAtBlock {
        /// Number of the block, from 1.
        block: u64,
        /// RFC 1350 error code.
        code: u16,
        /// For people.
        message: String,
    },
    /// Before each block another one of its number comes from another port, as of another transfer (RFC 1350 section 4).
    Strangers,
    /// Nothing is sent after so many bytes of the file.
    StallAfter {
        /// Bytes.
        bytes: u64,
    },
    /// The size option says this instead of the truth.
    ClaimSize {
        /// Bytes.
        bytes: u64,
    },
    /// The file ends after so many bytes with a short block.
    Truncate {
        /// Bytes.
        bytes: u64,
    },
}
