# Stage 2: prints the payload line (src/lib.rs has its grammar), then does what the builder asked for.
#
# Entered at 0000:7e40 with DS = ES = SS = 0, DL as the firmware gave it and the CS of sector 0's entry on the stack. The first 64 bytes are the builder's.

        .set    FW_CFG, 0x510
        .set    FW_CFG_DIRECTORY, 0x19

# What has no value yet stands behind the sector at OTHER_SECTOR, so that the program stays within its four sectors.
        .set    drive, 0x6200
        .set    drive_type, 0x6201
        .set    differs, 0x6202
        .set    selector, 0x6204
        .set    entry_segment, 0x6206

        .ascii  "BWSTAGE2"
        .word   0
after:
        .byte   0
name_length:
        .byte   0
reads_again:                             # how what lies behind this code is read once more
        .byte   0
el_torito:                              # 1: the line has what int 13h tells of an emulated drive
        .byte   0
        .word   0
nonce:
        .fill   16, 1, 0
name:
        .fill   24, 1, 0
        .quad   0

        .org    512 + 64
stage2:
        movb    %dl, drive
        popw    entry_segment
        call    read_again
        call    program_uart

        movw    $text_begin, %si
        call    print
        movw    $0, line_sum
        movw    $text_nonce, %si
        call    print
        movw    $nonce, %si
        movw    $16, %cx
print_nonce:
        lodsb
        call    print_hex
        loop    print_nonce

        movw    $text_medium, %si
        call    print
        movw    $name, %si
        movzbw  name_length, %cx
print_name:
        lodsb
        call    print_byte
        loop    print_name

        movw    $text_dl, %si
        call    print
        movb    drive, %al
        call    print_hex

        movw    $text_cs, %si
        call    print
        movb    entry_segment + 1, %al
        call    print_hex
        movb    entry_segment, %al
        call    print_hex

        movw    $text_geometry, %si
        call    print
        call    print_geometry
        movw    $text_edd, %si
        call    print
        call    print_edd
        cmpb    $0, el_torito
        je      bootorder
        movw    $text_el_torito, %si
        call    print
        call    print_el_torito
bootorder:
        movw    $text_bootorder, %si
        call    print
        movw    $file_bootorder, %si
        call    print_file

        movw    $text_bios_geometry, %si
        call    print
        movw    $file_bios_geometry, %si
        call    print_file

        movw    $text_tsc, %si
        call    print
        rdtsc
        pushl   %eax
        movl    %edx, %eax
        call    print_hex_long
        popl    %eax
        call    print_hex_long

        pushw   line_sum
        movw    $text_sum, %si
        call    print
        popw    %ax
        pushw   %ax
        movb    %ah, %al
        call    print_hex
        popw    %ax
        call    print_hex

        movw    $text_end, %si
        call    print
        call    wait_sent

        movzbw  after, %bx
        cmpw    $(after_table_end - after_table) / 2, %bx
        jae     after_hang
        addw    %bx, %bx
        jmpw    *after_table(%bx)

# In the order of the enum `After`.
after_table:
        .word   after_exit, after_hang, after_return, after_keyboard, after_cf9, after_triple_fault, after_reset
        .word   after_hang, after_hang, after_return, after_idle, after_install
after_table_end:

after_exit:
        movb    $0x2a, %al
        outb    %al, $0xf4
        jmp     after_hang
after_return:
        int     $0x18
        jmp     after_hang
after_keyboard:
        movb    $0xfe, %al
        outb    %al, $0x64
        jmp     after_hang
after_cf9:
        movw    $0xcf9, %dx
        movb    $0x06, %al
        outb    %al, %dx
        jmp     after_hang
after_triple_fault:
        lidtw   empty_idt
        int3
after_hang:
        cli
        hlt
        jmp     after_hang
after_idle:
        sti
        hlt
        jmp     after_idle
after_reset:
        ljmp    $0xffff, $0

# Signs the first other hard disk that has this program in sector 0 and no boot signature behind it, then resets.
        .set    OTHER_SECTOR, 0x6000
after_install:
        movb    target, %dl
        cmpb    drive, %dl
        je      next_target
        movb    $0x42, %ah
        call    transfer
        jc      next_target
        cmpl    $0x30535742, OTHER_SECTOR + 416 # "BWS0"
        jne     next_target
        cmpw    $0, OTHER_SECTOR + 510
        jne     next_target
        movw    $0xaa55, OTHER_SECTOR + 510
        movb    $0x43, %ah
        call    transfer
        jnc     after_reset
next_target:
        incb    target
        cmpb    $0x90, target
        jb      after_install
        jmp     after_exit

# int 13h function AH on sector 0 of the drive `target`; carry set where it failed.
transfer:
        movb    $0, %al
        movb    target, %dl
        movw    $1, target_packet + 2
        movw    $target_packet, %si
        int     $0x13
        ret

# Reads what lies behind this code once more, in requests of other lengths than sector 0 made. Every byte must be what is here
# already, and the word behind a request must be as it was.
        .set    AGAIN_CHS, 1
        .set    AGAIN_LBA, 2
        .set    AGAIN_UNALIGNED, 3
        .set    AGAIN_SEGMENT, 0x2000   # where to: the start of a page of 4096 bytes
        .set    UNALIGNED_SEGMENT, 0x2f00 # the same, a page before 64 KiB are full
        .set    UNREAD, 0xa55a
read_again:
        cmpb    $AGAIN_CHS, reads_again
        je      again_by_chs
        cmpb    $AGAIN_LBA, reads_again
        je      again_by_lba
        ja      again_unaligned
again_end:
        ret

# AH=02h: one sector, two, three and so on, none behind the end of a track.
again_by_chs:
        call    code_sectors
        addw    packet_lba, %ax
        movw    %ax, %bp
        movw    $program_end, %si
next_request:
        incw    request
        call    to_chs
        movw    sectors_per_track, %bx
        incw    %bx
        movw    %cx, %ax
        andw    $0x3f, %ax
        subw    %ax, %bx                # what is left of the track
        cmpw    request, %bx
        jbe     within_track
        movw    request, %bx
within_track:
        movw    packet_lba, %ax
        addw    packet_count, %ax
        subw    %bp, %ax                # what is left of the program
        jz      most_sectors
        cmpw    %ax, %bx
        jbe     within_program
        movw    %ax, %bx
within_program:
        xorw    %di, %di
        call    unread
        movb    drive, %dl
        movb    %bl, %al
        movb    $0x02, %ah
        pushw   %bx
        xorw    %bx, %bx
        int     $0x13
        popw    %bx
        jc      damaged
        cmpb    %bl, %al                # as many as were asked for
        jne     damaged
        addw    %bx, %bp
        call    compare
        jmp     next_request

# AH=02h: as many sectors of a hard disk as one request may have, over the ends of tracks.
most_sectors:
        movzbw  drive, %dx
        testb   %dl, %dl
        jns     again_end
        movw    $0x0280, %ax
        movw    $1, %cx
        xorw    %bx, %bx
        int     $0x13
        jc      refused
        cmpb    $0x80, %al
        je      again_end
refused:
        jmp     damaged

# AH=42h: to addresses that are no multiples of 512, of 4 and of 2, each across the beginning of the next 64 KiB.
again_unaligned:
        movw    $UNALIGNED_SEGMENT, again_packet + 6
        movw    $unaligned_requests, %bp
        jmp     next_lba_request

# AH=42h: what takes one page, two and more, at the start of one and within.
again_by_lba:
        movw    $lba_requests, %bp
next_lba_request:
        movw    (%bp), %di
        movw    2(%bp), %bx
        testw   %bx, %bx
        jz      requests_end
        call    unread
        xorw    %ax, %ax
        call    read_lba
        movw    $program_end, %si
        call    compare
        addw    $4, %bp
        jmp     next_lba_request
requests_end:
        testw   %di, %di
        jnz     again_end

# AH=42h: 64 KiB, all of the segment, in requests of 128 sectors and fewer, together more than the queue of a controller has places
# for. The disk has behind the program what a longer program would have: see `filler` in src/payload.rs.
        .set    BEHIND, AGAIN_SEGMENT + 0x1000
again_by_parts:
        movw    $parts, %bp
next_part_length:
        cmpb    $0, (%bp)
        je      again_end
        movw    $128, %bx
        xorw    %di, %di
        call    unread
        pushw   $BEHIND
        popw    %fs
        movw    $UNREAD, %fs:0
        movzbw  (%bp), %bx
next_part:
        movw    %di, %ax
        shrw    $9, %ax
        call    read_lba
        movw    %bx, %ax
        shlw    $9, %ax
        addw    %ax, %di                # 0 behind the last one
        jnz     next_part
        movl    $program_end - sector0, %ecx
next_filler:
        imull   $0x9e3779b1, %ecx, %eax
        movl    %eax, %edx
        shrl    $15, %edx
        xorl    %edx, %eax
        imull   $0x85ebca6b, %eax, %eax
        shrl    $24, %eax
        cmpb    %al, %es:(%di)
        jne     damaged
        incl    %ecx
        incw    %di
        jnz     next_filler
        cmpw    $UNREAD, %fs:0
        jne     damaged
        incw    %bp
        jmp     next_part_length

# Reads BX sectors from the AXth one behind the code on to DI of that segment.
read_lba:
        movw    %bx, again_packet + 2
        movw    %di, again_packet + 4
        movzwl  %ax, %edx
        call    code_sectors
        movzwl  %ax, %eax
        addl    %edx, %eax
        addl    packet_lba, %eax
        movl    %eax, again_packet + 8
        movl    packet_lba + 4, %eax
        adcl    $0, %eax
        movl    %eax, again_packet + 12
        movb    drive, %dl
        movb    $0x42, %ah
        movw    $again_packet, %si
        int     $0x13
        jc      damaged
        cmpw    %bx, again_packet + 2   # as many as were asked for
        jne     damaged
        ret

# How many sectors of stage 2 are code, in AX.
code_sectors:
        movw    $program_end, %ax
        subw    $STAGE2, %ax
        shrw    $9, %ax
        ret

# Overwrites BX sectors and a word behind them at DI of the segment of `again_packet`, which ES is then.
unread:
        pushw   %cx
        pushw   %di
        movw    again_packet + 6, %es
        movb    %bl, %ch
        movb    $0, %cl
        incw    %cx
        movw    $UNREAD, %ax
        rep stosw
        popw    %di
        popw    %cx
        ret

# Compares BX sectors at ES:DI with those at SI, which moves behind them.
compare:
        movb    %bl, %ch
        movb    $0, %cl
        repe cmpsw
        jne     damaged
        cmpw    $UNREAD, %es:(%di)
        jne     damaged
        ret

# int 13h AX=4B01h: the specification packet of El Torito (1.0 section 6), then what AH=08h gave as the type of a floppy drive.
        .set    PACKET_BYTES, 19
print_el_torito:
        movw    $OTHER_SECTOR, %di
        movw    $PACKET_BYTES, %cx
        movb    $0xff, %al
        pushw   $0
        popw    %es
        rep stosb
        movw    $0x4b01, %ax
        movb    drive, %dl
        movw    $OTHER_SECTOR, %si
        int     $0x13
        jc      print_absent
        movw    $OTHER_SECTOR, %si
        movw    $PACKET_BYTES, %cx
print_packet:
        lodsb
        call    print_hex
        loop    print_packet
        movw    $text_drive_type, %si
        call    print
        movb    drive_type, %al
        jmp     print_hex

# 115200 baud, 8 data bits, no parity, 1 stop bit, no interrupts. The FIFO keeps what the firmware left in it.
program_uart:
        call    wait_sent
        movw    $COM1 + 1, %dx
        movb    $0, %al
        outb    %al, %dx
        movw    $COM1 + 3, %dx
        movb    $0x80, %al
        outb    %al, %dx
        movw    $COM1, %dx
        movb    $1, %al
        outb    %al, %dx
        incw    %dx
        movb    $0, %al
        outb    %al, %dx
        movw    $COM1 + 3, %dx
        movb    $3, %al
        outb    %al, %dx
        incw    %dx
        outb    %al, %dx
        ret

# Waits until the transmitter is empty, so that a reset cannot cut the line's end off.
wait_sent:
        movw    $COM1 + 5, %dx
        inb     %dx, %al
        testb   $0x40, %al
        jz      wait_sent
        ret

# Prints AL as two lower-case hex digits; keeps every register but AL.
print_hex:
        pushw   %ax
        shrb    $4, %al
        call    print_digit
        popw    %ax
        andb    $15, %al
print_digit:
        cmpb    $10, %al
        jb      below_ten
        addb    $('a' - '0' - 10), %al
below_ten:
        addb    $'0', %al
        jmp     print_byte

# Prints EAX as eight hex digits.
print_hex_long:
        movw    $4, %cx
next_hex_byte:
        roll    $8, %eax
        pushl   %eax
        call    print_hex
        popl    %eax
        loop    next_hex_byte
        ret

# Prints AX in decimal.
print_decimal:
        xorw    %dx, %dx
        movw    $10, %cx
        divw    %cx
        pushw   %dx
        testw   %ax, %ax
        jz      last_digit
        call    print_decimal
last_digit:
        popw    %ax
        jmp     print_digit

# int 13h AH=08h: CH and CL bits 6-7 last cylinder, DH last head, CL bits 0-5 last sector, DL how many drives of this kind.
print_geometry:
        movb    drive, %dl
        movb    $0x08, %ah
        xorw    %di, %di
        xorw    %bx, %bx
        int     $0x13
        movb    %bl, drive_type         # of a floppy drive
        sbbw    %ax, %ax
        pushw   $0
        popw    %es
        testw   %ax, %ax
        jnz     print_absent
        pushw   %cx
        pushw   %dx
        movw    %cx, %ax
        rolb    $2, %al
        andb    $3, %al
        xchgb   %al, %ah
        incw    %ax
        call    print_decimal
        movb    $'/', %al
        call    print_byte
        popw    %dx
        popw    %cx
        pushw   %dx
        pushw   %cx
        movzbw  %dh, %ax
        incw    %ax
        call    print_decimal
        movb    $'/', %al
        call    print_byte
        popw    %ax
        andw    $0x3f, %ax
        call    print_decimal
        movw    $text_drives, %si
        call    print
        popw    %ax
        jmp     print_hex

# int 13h AH=48h: how many sectors, and the bytes of each (EDD 3.0 section 8.1).
print_edd:
        movb    drive, %dl
        movb    $0x48, %ah
        movw    $OTHER_SECTOR, %si
        movw    $26, (%si)
        int     $0x13
        jc      print_absent
        movl    OTHER_SECTOR + 20, %eax
        call    print_hex_long
        movl    OTHER_SECTOR + 16, %eax
        call    print_hex_long
        movb    $'/', %al
        call    print_byte
        movw    OTHER_SECTOR + 24, %ax
        jmp     print_decimal

print_absent:
        movb    $'-', %al
        jmp     print_byte

# Prints the fw_cfg file whose NUL-terminated name is at SI, percent-encoded; `-` if there is no such file.
# Directory: count, then per file size (4), selector (2), reserved (2), name (56); big-endian.
print_file:
        xorw    %ax, %ax
        call    fw_select
        call    fw_long
        cmpl    $0x51454d55, %eax       # "QEMU"
        jne     print_absent
        movw    $FW_CFG_DIRECTORY, %ax
        call    fw_select
        call    fw_long
        movl    %eax, %ebp
next_file:
        testl   %ebp, %ebp
        jz      print_absent
        decl    %ebp
        call    fw_long
        movl    %eax, %edi
        call    fw_long
        shrl    $16, %eax
        movw    %ax, selector
        pushw   %si
        movw    $56, %cx
        movb    $0, differs
next_character:
        call    fw_byte
        cmpb    %al, (%si)
        je      character_equal
        incb    differs
character_equal:
        cmpb    $1, (%si)               # carry at the terminator: SI stays there
        cmc
        adcw    $0, %si
        loop    next_character
        popw    %si
        cmpb    $0, differs
        jne     next_file

        movw    selector, %ax
        call    fw_select
next_byte:
        testl   %edi, %edi
        jz      print_file_end
        decl    %edi
        call    fw_byte
        cmpb    $'%', %al
        je      percent
        cmpb    $0x21, %al
        jb      percent
        cmpb    $0x7e, %al
        ja      percent
        call    print_byte
        jmp     next_byte
percent:
        pushw   %ax
        movb    $'%', %al
        call    print_byte
        popw    %ax
        call    print_hex
        jmp     next_byte
print_file_end:
        ret

# Selects fw_cfg item AX.
fw_select:
        movw    $FW_CFG, %dx
        outw    %ax, %dx
        ret

# The next fw_cfg byte in AL.
fw_byte:
        movw    $FW_CFG + 1, %dx
        inb     %dx, %al
        ret

# The next big-endian 32-bit number in EAX.
fw_long:
        movw    $4, %cx
fw_long_byte:
        shll    $8, %eax
        call    fw_byte
        loop    fw_long_byte
        ret

text_begin:
        .asciz  "\r\n"
text_nonce:
        .asciz  "BOOTWRIGHT/1 nonce="
text_medium:
        .asciz  " medium="
text_dl:
        .asciz  " via=bios dl="
text_cs:
        .asciz  " cs="
text_geometry:
        .asciz  " geometry="
text_drives:
        .asciz  " drives="
text_edd:
        .asciz  " edd="
text_el_torito:
        .asciz  " el-torito="
text_drive_type:
        .asciz  " drive-type="
text_bootorder:
        .asciz  " bootorder="
text_bios_geometry:
        .asciz  " bios-geometry="
text_tsc:
        .asciz  " tsc="
text_sum:
        .asciz  " sum="
text_end:
        .asciz  " end\r\n"
file_bootorder:
        .asciz  "bootorder"
file_bios_geometry:
        .asciz  "bios-geometry"
        .balign 2
empty_idt:
        .word   0
        .long   0
target_packet:
        .byte   16, 0
        .word   1
        .word   OTHER_SECTOR, 0
        .quad   0
again_packet:
        .byte   16, 0
        .word   0
        .word   0, AGAIN_SEGMENT
        .quad   0
lba_requests:                           # offset and sectors
        .word   0, 48
        .word   0x200, 48
        .word   0, 17
        .word   0, 16
        .word   0xe00, 17
        .word   0x200, 7
        .word   0, 8
        .word   0, 0
parts:                                  # sectors of each request, of a segment's 128
        .byte   128, 64, 1, 1, 1, 1, 1, 0
request:
        .word   0
target:
        .byte   0x80
        .balign 512, 0
program_end:
