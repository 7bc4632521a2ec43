/* SPDX-License-Identifier: Apache-2.0 */
/* The stream of a pull: what honest tar writes, as it comes and goes. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#include "core/mem.h"
#include "unpack_scene.h"

static void test_honest(void **state)
{
	struct scene *scene = *state;
	static const size_t pieces[] = { 1, 7, 512, 513, 4096, 1 << 20 };
	char packed[65536];

	add_honest(&scene->tar);
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		must(scene, feed_plain(scene, pieces[i]));
		expect_honest(scene);

		ZSTD_CCtx *zstd = ZSTD_createCCtx();
		ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
		memcpy(packed, "=zstd", 6);
		size_t n = ZSTD_compress2(zstd, packed + 6, sizeof(packed) - 6, scene->tar.data,
					  scene->tar.len);
		assert_false(ZSTD_isError(n));
		must(scene, feed(scene, packed, n + 6, pieces[i]));
		expect_honest(scene);
		/* cut off, damaged, more behind the end */
		assert_int_equal(feed(scene, packed, n + 5, pieces[i]), -1);
		packed[n + 6] = 0;
		assert_int_equal(feed(scene, packed, n + 7, pieces[i]), -1);
		packed[n + 5] ^= 1;
		assert_int_equal(feed(scene, packed, n + 6, pieces[i]), -1);
		assert_non_null(strstr(scene->err.message, "damaged"));
		/* and without a checksum it is not taken at all */
		ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 0);
		n = ZSTD_compress2(zstd, packed + 6, sizeof(packed) - 6, scene->tar.data,
				   scene->tar.len);
		empty_stage(scene);
		assert_int_equal(feed(scene, packed, n + 6, pieces[i]), -1);
		assert_non_null(strstr(scene->err.message, "no checksum"));
		assert_int_equal(in_stage(scene), 0);
		ZSTD_freeCCtx(zstd);

		z_stream gzip = { 0 };
		deflateInit2(&gzip, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
		memcpy(packed, "=gzip", 6);
		gzip.next_in = (unsigned char *)scene->tar.data;
		gzip.avail_in = (uInt)scene->tar.len;
		gzip.next_out = (unsigned char *)packed + 6;
		gzip.avail_out = sizeof(packed) - 6;
		assert_int_equal(deflate(&gzip, Z_FINISH), Z_STREAM_END);
		n = gzip.total_out;
		deflateEnd(&gzip);
		must(scene, feed(scene, packed, n + 6, pieces[i]));
		expect_honest(scene);
		assert_int_equal(feed(scene, packed, n + 5, pieces[i]), -1);
		packed[n + 6] = 0;
		assert_int_equal(feed(scene, packed, n + 7, pieces[i]), -1);
		packed[n - 1] ^= 1; /* in its checksum */
		assert_int_equal(feed(scene, packed, n + 6, pieces[i]), -1);
		empty_stage(scene);
	}
}

static void test_pax(void **state)
{
	struct scene *scene = *state;
	char path[MANIFEST_PATH_MAX];

	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	for (size_t i = 100; i < sizeof(path) - 1; i += 100)
		path[i] = '/';
	scene->files[2] = (struct unpack_file){
		.path = path, .size = 1, .mtime_ns = -3250000001, .mode = 0600
	};
	scene->order.files = scene->files + 2;
	scene->order.nr = 1;
	char *there = xasprintf("./%s", path);
	struct buf records = BUF_INIT;
	size_t len = strlen(there) + 11;
	buf_addf(&records, "%zu path=%s\n23 mtime=-3.2500000019\n", len, there);
	assert_int_equal(records.data[len - 1], '\n');
	add_pax(&scene->tar, records.data, records.len);
	add_header(&scene->tar, '0', "short", 1, 0);
	add_data(&scene->tar, "x", 1);
	add_end(&scene->tar, 2);
	must(scene, feed_plain(scene, 1000));
	expect_staged(scene, 2, "x");
	buf_release(&records);
	free(there);
}

/* A little more than listed goes by; nothing of it is written. Other files are not harmed. */
static void test_changed(void **state)
{
	struct scene *scene = *state;

	memset(scene_big, 'z', 1500);
	add_file(&scene->tar, "./a", "hello, and more");
	add_header(&scene->tar, '0', "./a/b", 3, 6);
	add_data(&scene->tar, "abc", 3);
	add_file(&scene->tar, "./z", scene_big);
	add_end(&scene->tar, 20);
	must(scene, feed_plain(scene, 100));
	assert_int_equal(scene->files[0].state, UNPACK_CHANGED);
	assert_int_equal(scene->files[1].state, UNPACK_CHANGED);
	assert_int_equal(scene->files[2].state, UNPACK_WAITED);
	expect_staged(scene, 3, scene_big);
	assert_int_equal(in_stage(scene), 1);

	/* both sides of the bound on what goes by */
	for (uint64_t more = 0; more < 2; more++) {
		buf_clear(&scene->tar);
		empty_stage(scene);
		add_header(&scene->tar, '0', "./a", 5 + UNPACK_PASS_MAX + more, 5);
		assert_int_equal(feed_plain(scene, 512), -1);
		assert_int_equal(scene->err.kind, more ? ERROR_CONFLICT : ERROR_PROTOCOL);
		assert_int_equal(in_stage(scene), 0);
	}
}

static void test_marks(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *says;
	} cases[] = {
		{ "", 0, "cut off" },
		{ "=zst", 4, "cut off" },
		{ "=zstd\0abcdefgh", 14, "no zstd frame" },
		{ "=zstd\0\x28\xb5", 8, "cut off" },
		{ "=gzip\0abc", 9, "damaged" },
		{ "Welcome to Ubuntu\n", 18, "where a stream was to begin" },
		{ "\x1b[2J\0", 5, "'^[" },
		{ "=verylongmarkthatisnone", 23, "where a stream" },
		{ "=gone\0more", 10, "goes on after its end" },
	};
	struct scene *scene = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (size_t piece = 1; piece < 100; piece += 49) {
			assert_int_equal(feed(scene, cases[i].bytes, cases[i].len, piece), -1);
			assert_int_equal(scene->err.kind, ERROR_PROTOCOL);
			if (!strstr(scene->err.message, cases[i].says))
				fail_msg("%zu: %s", i, scene->err.message);
		}
	must(scene, feed(scene, "=gone", 6, 2));
	assert_int_equal(scene->unpack.decode.kind, DECODE_OTHER);
	assert_string_equal(scene->unpack.decode.mark, "=gone");
}

/* A few bytes that become many, and many that become none. */
static void test_bombs(void **state)
{
	struct scene *scene = *state;
	size_t size = (size_t)80 << 20;
	char *zeros = xcalloc(1, size), *packed = xmalloc(1 << 20);
	ZSTD_CCtx *zstd = ZSTD_createCCtx();

	ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
	memcpy(packed, "=zstd", 6);
	add_header(&scene->tar, '0', "./a", 5 + UNPACK_PASS_MAX, 5);
	memcpy(zeros, scene->tar.data, TAR_BLOCK);
	size_t n = ZSTD_compress2(zstd, packed + 6, (1 << 20) - 6, zeros, size);
	assert_false(ZSTD_isError(n));
	assert_true(n < 20000);
	assert_int_equal(feed(scene, packed, n + 6, 4096), -1);
	assert_true(scene->unpack.decode.plain <= UNPACK_PASS_MAX + ((uint64_t)1 << 20));
	assert_int_equal(in_stage(scene), 0);
	ZSTD_freeCCtx(zstd);
	free(zeros);

	/* empty raw blocks: a frame that never gets anywhere */
	static const char head[] = "=zstd\0\x28\xb5\x2f\xfd\x04\x58";
	unpack_init(&scene->unpack, &scene->order);
	must(scene, unpack_feed(&scene->unpack, head, sizeof(head) - 1, &scene->err));
	memset(packed, 0, 1 << 20);
	int rc = 0;
	uint64_t fed = 0;
	while (rc == 0 && fed < (uint64_t)1 << 30) {
		rc = unpack_feed(&scene->unpack, packed, 3 << 17, &scene->err);
		fed += 3 << 17;
	}
	assert_int_equal(rc, -1);
	assert_non_null(strstr(scene->err.message, "does not end"));
	assert_true(fed < (uint64_t)100 << 20);
	unpack_release(&scene->unpack);
	free(packed);
}

/* No room: a clear error, and what was there before of that name is no obstacle. */
static void test_no_room(void **state)
{
	struct scene *scene = *state;
	struct rlimit old, small = { .rlim_cur = 1000, .rlim_max = RLIM_INFINITY };
	char name[STAGE_NAME_MAX];

	add_honest(&scene->tar);
	stage_name("a", name);
	assert_int_equal(symlinkat("/nonexistent", scene->order.stage_fd, name), 0);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small.rlim_max = old.rlim_max;
	setrlimit(RLIMIT_FSIZE, &small);
	int rc = feed_plain(scene, 300);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(rc, -1);
	assert_int_equal(scene->err.kind, ERROR_IO);
	assert_non_null(strstr(scene->err.message, "cannot write 'z'"));
	assert_non_null(strstr(scene->err.hint, "make room"));
	must(scene, feed_plain(scene, 300));
	expect_honest(scene);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, scene_setup, scene_teardown)
	const struct CMUnitTest tests[] = {
		T(test_honest), T(test_pax),   T(test_changed),
		T(test_marks),	T(test_bombs), T(test_no_room),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
