/* SPDX-License-Identifier: Apache-2.0 */
/* Included before every source of a portable release build: see start.c. */
#ifndef GPUCLOUD_SELFTEST_OLD_GLIBC_H
#define GPUCLOUD_SELFTEST_OLD_GLIBC_H

__asm__(".symver dlopen, dlopen@GLIBC_2.2.5");
__asm__(".symver dlsym, dlsym@GLIBC_2.2.5");
__asm__(".symver dlerror, dlerror@GLIBC_2.2.5");
__asm__(".symver pthread_create, pthread_create@GLIBC_2.2.5");
__asm__(".symver pthread_join, pthread_join@GLIBC_2.2.5");

#endif
