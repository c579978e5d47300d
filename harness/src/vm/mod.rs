//! The only place that starts a process: QEMU, its serial port, debug console and QMP.
