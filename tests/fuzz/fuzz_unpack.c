/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream of a pull: nothing but the files that were asked for is ever written, none longer than
 * listed, and what is called done is whole. The first byte says how the rest is packed, and in
 * what pieces it comes.
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "ssh/sync/unpack.h"
#include "tests/fuzz/fuzz.h"

#define S ((int64_t)1000000000)

static const struct unpack_file wanted[] = {
	{ .path = "a", .size = 5, .mtime_ns = 5 * S, .mode = 0640 },
	{ .path = "a/b", .size = 3, .mtime_ns = 5 * S, .mode = 0444 },
	{ .path = "empty", .mtime_ns = 5 * S, .mode = 0600 },
	{ .path = "z", .size = 1500, .mtime_ns = 5 * S, .mode = 0755 },
};

static void check_file(const struct unpack_file *file, int stage_fd)
{
	char name[STAGE_NAME_MAX];
	struct stat st;

	stage_name(file->path, name);
	if (fstatat(stage_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		FUZZ_CHECK(file->state != UNPACK_DONE);
		return;
	}
	FUZZ_CHECK(S_ISREG(st.st_mode) && (uint64_t)st.st_size <= file->size);
	if (file->state == UNPACK_DONE)
		FUZZ_CHECK((uint64_t)st.st_size == file->size && st.st_mtim.tv_sec == 5 &&
			   (st.st_mode & 07777) == file->mode);
	unlinkat(stage_fd, name, 0);
}

static void check_empty(int stage_fd)
{
	int fd = openat(stage_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fdopendir(fd);

	for (const struct dirent *item; (item = readdir(dir));)
		FUZZ_CHECK(!strcmp(item->d_name, ".") || !strcmp(item->d_name, ".."));
	closedir(dir);
}

static int run(struct unpack *unpack, const uint8_t *data, size_t size, struct error *err)
{
	static const char *const marks[] = { "=plain", "=zstd", "=gzip" };
	size_t piece = (size_t)1 << (data[0] >> 4);
	unsigned mark = data[0] & 3;

	if (mark < ARRAY_SIZE(marks) &&
	    unpack_feed(unpack, marks[mark], strlen(marks[mark]) + 1, err) < 0)
		return -1;
	for (size_t i = 1; i < size; i += piece)
		if (unpack_feed(unpack, (const char *)data + i, size - i < piece ? size - i : piece,
				err) < 0)
			return -1;
	return unpack_end(unpack, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct unpack_file files[ARRAY_SIZE(wanted)];
	char dir[] = "/tmp/gpucloud-fuzz-XXXXXX";
	struct unpack_order order = { .files = files, .nr = ARRAY_SIZE(files) };
	struct error err = ERROR_INIT;
	struct unpack unpack;

	if (size == 0)
		return 0;
	memcpy(files, wanted, sizeof(files));
	FUZZ_CHECK(mkdtemp(dir));
	order.stage_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unpack_init(&unpack, &order);
	if (run(&unpack, data, size, &err) < 0)
		FUZZ_CHECK((err.kind == ERROR_PROTOCOL || err.kind == ERROR_CONFLICT) &&
			   err.message[0]);
	unpack_release(&unpack);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		check_file(&files[i], order.stage_fd);
	check_empty(order.stage_fd);
	close(order.stage_fd);
	FUZZ_CHECK(rmdir(dir) == 0);
	return 0;
}
