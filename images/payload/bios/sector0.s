# Sector 0: finds stage 2, proves that it is whole, and jumps to it.
#
# Runs at linear 0x7c00, whatever the segment (BIOS and PXE: 0000:7c00, El Torito: 07c0:0000), DL as the firmware gave it.
# Bytes 3..90 stay free for a FAT BPB or El Torito boot information, bytes 440..512 for the partition table and signature.
#
# The builder fills the block at 412. Its offsets are repeated in src/payload.rs, which checks the magic.

        .section .bios, "ax"
        .code16
        .set    COM1, 0x3f8
        .set    DEBUG_CONSOLE, 0x402
        .set    STAGE2, 0x7e00

sector0:
        jmp     boot
        nop
        .org    90
boot:
        xorw    %ax, %ax
        cli
        movw    %ax, %ss
        movw    $0x7c00, %sp
        sti
        cld
        movw    %ax, %ds
        movw    %ax, %es
        pushw   %cs                     # stage 2 prints it
        ljmp    $0, $loaded
loaded:
        pushw   %dx                     # DL lives on the stack: a CD read below overwrites this sector with itself
        cmpb    $READ_NOTHING, read_mode
        je      verify
        cmpb    $READ_CD, read_mode
        je      read_extended
        cmpb    $READ_CHS, read_mode
        je      read_chs
        movb    $0x41, %ah              # int 13h extensions present?
        movw    $0x55aa, %bx
        int     $0x13
        jc      read_chs
        cmpw    $0xaa55, %bx
        jne     read_chs
        testb   $1, %cl
        jz      read_chs
read_extended:
        popw    %dx
        pushw   %dx
        movb    $0x42, %ah
        movw    $packet, %si
        int     $0x13
        jc      damaged
        jmp     verify

# One sector at a time through AH=02h, for drives without extensions (floppies) and programs that ask for it. Cylinders below 1024.
read_chs:
        popw    %dx
        pushw   %dx
        movb    $0x08, %ah
        xorw    %di, %di
        int     $0x13
        movw    $0, %ax
        movw    %ax, %es
        jc      damaged
        andw    $0x3f, %cx
        jz      damaged
        movw    %cx, sectors_per_track
        movb    %dh, %al
        incw    %ax
        movw    %ax, heads
        movw    packet_lba, %bp
        movw    packet_offset, %bx
        movw    packet_count, %si
next_sector:
        call    to_chs
        popw    %ax
        pushw   %ax
        movb    %al, %dl
        movw    $0x0201, %ax
        int     $0x13
        jc      damaged                 # no drive here has to be asked twice
        addw    $512, %bx
        incw    %bp
        decw    %si
        jnz     next_sector

# Of the 16-bit words of stage 2 each adds to five times what those before it gave, modulo 2^32, so that words in another order
# give something else.
verify:
        cmpl    $0x54535742, STAGE2     # "BWST"
        jne     damaged
        movw    $STAGE2, %si
        movw    stage2_words, %cx
        xorl    %ebx, %ebx
add_word:
        lodsw
        movzwl  %ax, %eax
        imull   $5, %ebx, %ebx
        addl    %eax, %ebx
        loop    add_word
        cmpl    stage2_sum, %ebx
        jne     damaged
        popw    %dx
        jmp     stage2

damaged:
        movw    $damaged_text, %si
        call    print
        int     $0x18
halt:
        cli
        hlt
        jmp     halt

# The sector with the number BP for int 13h: CH and CL bits 6-7 cylinder, CL bits 0-5 sector, DH head.
to_chs:
        movw    %bp, %ax
        xorw    %dx, %dx
        divw    sectors_per_track
        movw    %dx, %cx
        incw    %cx                     # CL: sector, from 1
        xorw    %dx, %dx
        divw    heads                   # AX: cylinder, DX: head
        movb    %al, %ch
        shlb    $6, %ah                 # bits 8 and 9 of the cylinder stand above the sector
        orb     %ah, %cl
        movb    %dl, %dh
        ret

# Prints the NUL-terminated text at SI.
print:
        lodsb
        testb   %al, %al
        jz      print_end
        call    print_byte
        jmp     print
print_end:
        ret

# Prints AL on the serial port and on the debug console, where SeaBIOS logs: one stream then holds both in order. Keeps
# every register, and adds what it prints up in line_sum.
print_byte:
        pushw   %dx
        pushw   %ax
        movb    $0, %ah
        addw    %ax, line_sum
        movw    $COM1 + 5, %dx
wait_thr_empty:
        inb     %dx, %al
        testb   $0x20, %al
        jz      wait_thr_empty
        popw    %ax
        movw    $COM1, %dx
        outb    %al, %dx
        movw    $DEBUG_CONSOLE, %dx
        outb    %al, %dx
        popw    %dx
        ret

damaged_text:
        .asciz  "\r\nbootwright: stage 2 damaged\r\n"
sectors_per_track:
        .word   0
heads:
        .word   0
line_sum:
        .word   0
unaligned_requests:                     # offset and sectors: of stage 2, which has no room for them
        .word   1, 48
        .word   0x203, 17
        .word   0xf02, 9
        .word   0xe01, 1
        .word   1, 0

        .org    412
stage2_sum:
        .long   0
        .set    READ_NOTHING, 0         # the firmware has loaded the whole program
        .set    READ_SECTORS, 1         # 512-byte sectors, stage 2 alone, to 0x7e00
        .set    READ_CHS, 3             # as READ_SECTORS, never through AH=42h
        .set    READ_CD, 2              # 2048-byte sectors, the whole program, to 0x7c00
        .ascii  "BWS0"
read_mode:
        .byte   READ_NOTHING
        .byte   0
stage2_words:
        .word   0
packet:                                 # int 13h AH=42h disk address packet
        .byte   16, 0
packet_count:
        .word   0
packet_offset:
        .word   STAGE2, 0
packet_lba:
        .quad   0
        .org    512
