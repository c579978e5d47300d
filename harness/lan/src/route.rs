//! Between whom a packet travels: what the servers keep of its headers.

use std::net::IpAddr;

use super::wire::ethernet;

/// Between whom a packet travels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub link: ethernet::Repr,
    pub src: IpAddr,
    pub dst: IpAddr,
}
