/* SPDX-License-Identifier: Apache-2.0 */
/* The serial console: a file that only grows at its end, and is cut at its beginning. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/mem.h"
#include "simulator/machine/guest.h"

#define TRIM_ABOVE ((off_t)1 << 20)

void console_add(const char *path, const char *fmt, ...)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	char *text = NULL;
	va_list args;
	int n;

	if (fd < 0)
		return;
	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n >= 0) {
		ssize_t done = write(fd, text, (size_t)n);

		if (done >= 0) /* half a line on a full disk is still what was said */
			done = write(fd, "\n", 1);
		(void)done;
		free(text);
	}
	close(fd);
}

/* A machine can put anything in its place: only a regular file is read. */
void console_read(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	char piece[8192];
	off_t at;
	ssize_t n;

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		at = st.st_size > (off_t)MACHINE_CONSOLE_MAX
			     ? st.st_size - (off_t)MACHINE_CONSOLE_MAX
			     : 0;
		for (size_t left = MACHINE_CONSOLE_MAX; left > 0; left -= (size_t)n) {
			n = pread(fd, piece, left < sizeof(piece) ? left : sizeof(piece), at);
			if (n <= 0)
				break;
			buf_add(out, piece, (size_t)n);
			at += n;
		}
	}
	close(fd);
}

void console_trim(const char *path)
{
	struct buf kept = BUF_INIT;
	struct stat st;
	ssize_t n;
	int fd;

	if (lstat(path, &st) || st.st_size <= TRIM_ABOVE)
		return;
	console_read(path, &kept);
	fd = open(path, O_WRONLY | O_APPEND | O_TRUNC | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0) {
		n = write(fd, kept.data, kept.len);
		(void)n;
		close(fd);
	}
	buf_release(&kept);
}

void console_banner(struct buf *out, const char *id, const char *gpu, unsigned gpus)
{
	buf_addf(out,
		 "[    0.000000] gpucloud-sim: a simulated machine, instance %s\n"
		 "[    0.000000] Command line: BOOT_IMAGE=/boot/vmlinuz-simulated root=/dev/sda1 "
		 "console=ttyS0\n",
		 id);
	if (gpus)
		buf_addf(out, "[    1.000000] simulated GPU: %u x %s\n", gpus, gpu);
	buf_addstr(out, "[  OK  ] Reached target Local File Systems.");
}
