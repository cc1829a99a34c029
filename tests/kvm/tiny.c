// The smallest kernel: says "tiny\n" on the first serial port and powers off as vmm/device/control.hpp
// wants it. Entered in 64-bit mode, physical addresses = virtual ones; needs no stack and no table.
__asm__(".text\n"
        ".globl _start\n"
        "_start:\n"
        "  lea text(%rip), %rsi\n"
        "  mov $5, %ecx\n"
        "  mov $0x3f8, %edx\n"
        "  rep outsb\n"
        "  mov $0x3400, %eax\n" // sleep enable | 5 << 10: S5
        "  mov $0x604, %edx\n"
        "  out %ax, %dx\n"
        "1: hlt\n"
        "  jmp 1b\n"
        "text: .ascii \"tiny\\n\"\n");
