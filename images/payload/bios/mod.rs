//! The 16-bit program of every BIOS medium, assembled by rustc alone; `build/bios.rs` reads the object file.

#![no_std]

core::arch::global_asm!(include_str!("sector0.s"), include_str!("stage2.s"), options(att_syntax, raw));
