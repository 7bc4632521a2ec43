/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lets a binary that was linked on a new system start on an old one. Since glibc 2.34 a program's
 * entry, threads and dlopen carry that version, although their older versions are still there and
 * do the same for us. Only for release builds on x86-64 (CMakeLists.txt says when).
 */
__asm__(".symver __libc_start_main_old, __libc_start_main@GLIBC_2.2.5\n"
	".globl _start\n"
	".type _start, @function\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rdx, %r9\n"  /* what the loader wants to be called at the end */
	"	pop %rsi\n"	  /* argc */
	"	mov %rsp, %rdx\n" /* argv */
	"	and $-16, %rsp\n"
	"	push %rax\n"
	"	push %rsp\n"
	"	xor %r8d, %r8d\n" /* no constructors, no destructors of our own */
	"	xor %ecx, %ecx\n"
	"	lea main(%rip), %rdi\n"
	"	call *__libc_start_main_old@GOTPCREL(%rip)\n"
	"	hlt\n"
	".size _start, . - _start\n");
