/* SPDX-License-Identifier: Apache-2.0 */
#include "unpack_scene.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/mem.h"

/* --- archives made by hand --- */

static void put_octal(unsigned char *field, int digits, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%0*" PRIo64, digits, value);
	memcpy(field, text, (size_t)digits);
}

void set_sum(unsigned char *block)
{
	unsigned sum = 0;
	char text[16];

	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += block[i];
	snprintf(text, sizeof(text), "%06o", sum);
	memcpy(block + 148, text, 7);
}

void add_header(struct buf *tar, char type, const char *name, uint64_t size, uint64_t mtime)
{
	unsigned char block[TAR_BLOCK] = { 0 };

	memcpy(block, name, strnlen(name, 100));
	put_octal(block + 100, 7, 0644);
	put_octal(block + 124, 11, size);
	put_octal(block + 136, 11, mtime);
	block[156] = (unsigned char)type;
	memcpy(block + 257,
	       "ustar\0"
	       "00",
	       8);
	set_sum(block);
	buf_add(tar, block, sizeof(block));
}

void add_data(struct buf *tar, const void *data, size_t len)
{
	static const char zeros[TAR_BLOCK];

	buf_add(tar, data, len);
	buf_add(tar, zeros, (TAR_BLOCK - len % TAR_BLOCK) % TAR_BLOCK);
}

void add_file(struct buf *tar, const char *name, const char *text)
{
	add_header(tar, '0', name, strlen(text), 5);
	add_data(tar, text, strlen(text));
}

void add_pax(struct buf *tar, const char *records, size_t len)
{
	add_header(tar, 'x', "./PaxHeaders/x", len, 0);
	add_data(tar, records, len);
}

/* "LEN key=value\n" */
void add_record(struct buf *tar, const char *key, const char *value)
{
	char text[6000];
	size_t len = strlen(key) + strlen(value) + 3, digits = 1;

	for (size_t total = len + digits; total >= 10; total /= 10)
		digits++;
	digits = (size_t)snprintf(NULL, 0, "%zu", len + digits);
	int n = snprintf(text, sizeof(text), "%zu %s=%s\n", len + digits, key, value);
	add_pax(tar, text, (size_t)n);
}

void add_end(struct buf *tar, int blocks)
{
	static const char zeros[TAR_BLOCK];

	for (int i = 0; i < blocks; i++)
		buf_add(tar, zeros, sizeof(zeros));
}

/* --- a staging folder, and what was asked for --- */

int scene_setup(void **state)
{
	struct scene *scene = xcalloc(1, sizeof(*scene));

	snprintf(scene->dir, sizeof(scene->dir), "/tmp/gpucloud-unpack-XXXXXX");
	assert_non_null(mkdtemp(scene->dir));
	scene->order.stage_fd = open(scene->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	scene->files[0] =
		(struct unpack_file){ .path = "a", .size = 5, .mtime_ns = 5 * S, .mode = 0640 };
	scene->files[1] =
		(struct unpack_file){ .path = "a/b", .size = 3, .mtime_ns = 5 * S, .mode = 0444 };
	scene->files[2] = (struct unpack_file){ .path = "empty", .mtime_ns = 5 * S, .mode = 0600 };
	scene->files[3] =
		(struct unpack_file){ .path = "z", .size = 1500, .mtime_ns = 5 * S, .mode = 0755 };
	scene->order.files = scene->files;
	scene->order.nr = 4;
	scene->tar = (struct buf)BUF_INIT_MAX((size_t)256 << 20);
	*state = scene;
	return 0;
}

unsigned in_stage(const struct scene *scene)
{
	DIR *dir = opendir(scene->dir);
	unsigned nr = 0;

	for (const struct dirent *item; (item = readdir(dir));)
		nr += item->d_name[0] != '.';
	closedir(dir);
	return nr;
}

void empty_stage(struct scene *scene)
{
	DIR *dir = opendir(scene->dir);

	for (const struct dirent *item; (item = readdir(dir));)
		if (item->d_name[0] != '.')
			unlinkat(dirfd(dir), item->d_name, 0);
	closedir(dir);
	for (size_t i = 0; i < 4; i++)
		scene->files[i].state = UNPACK_WAITED;
}

int scene_teardown(void **state)
{
	struct scene *scene = *state;

	empty_stage(scene);
	close(scene->order.stage_fd);
	rmdir(scene->dir);
	buf_release(&scene->tar);
	free(scene);
	return 0;
}

/* Feeds it all in pieces of that size. */
int feed(struct scene *scene, const char *data, size_t len, size_t piece)
{
	int rc = 0;

	error_clear(&scene->err);
	unpack_init(&scene->unpack, &scene->order);
	for (size_t i = 0; rc == 0 && i < len; i += piece)
		rc = unpack_feed(&scene->unpack, data + i, len - i < piece ? len - i : piece,
				 &scene->err);
	if (rc == 0)
		rc = unpack_end(&scene->unpack, &scene->err);
	unpack_release(&scene->unpack);
	return rc;
}

int feed_plain(struct scene *scene, size_t piece)
{
	struct buf all = BUF_INIT_MAX((size_t)256 << 20);

	buf_add(&all, "=plain", 7);
	buf_add(&all, scene->tar.data, scene->tar.len);
	int rc = feed(scene, all.data, all.len, piece);
	buf_release(&all);
	return rc;
}

void must(const struct scene *scene, int rc)
{
	if (rc < 0)
		fail_msg("%s", scene->err.message);
}

void expect_staged(const struct scene *scene, size_t index, const char *text)
{
	const struct unpack_file *file = &scene->files[index];
	char name[STAGE_NAME_MAX], data[2000];
	struct stat st;

	stage_name(file->path, name);
	int fd = openat(scene->order.stage_fd, name, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, file->mode);
	assert_int_equal((int64_t)st.st_mtim.tv_sec * S + st.st_mtim.tv_nsec, file->mtime_ns);
	assert_int_equal(read(fd, data, sizeof(data)), file->size);
	assert_memory_equal(data, text, file->size);
	assert_int_equal(file->state, UNPACK_DONE);
	close(fd);
}

char scene_big[1501];

void add_honest(struct buf *tar)
{
	memset(scene_big, 'z', 1500);
	add_file(tar, "./a", "hello");
	add_record(tar, "comment", "ours");
	add_file(tar, "a/b", "abc");
	add_header(tar, '0', "./empty", 0, 5);
	add_file(tar, "./z", scene_big);
	add_end(tar, 2);
}

void expect_honest(struct scene *scene)
{
	expect_staged(scene, 0, "hello");
	expect_staged(scene, 1, "abc");
	expect_staged(scene, 2, "");
	expect_staged(scene, 3, scene_big);
	assert_int_equal(in_stage(scene), 4);
	empty_stage(scene);
}
