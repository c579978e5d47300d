//! Typed boot events read out of the evidence: one vocabulary for SeaBIOS, OVMF and iPXE.
