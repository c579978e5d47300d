//! The guest's user-mode network: in process, without privileges, without host sockets.
