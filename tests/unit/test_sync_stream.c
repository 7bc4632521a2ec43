/* SPDX-License-Identifier: Apache-2.0 */
/* The stream: what other programs unpack of it, and how hard it compresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/rng.h"
#include "fake_remote.h"
#include "ssh/sync/manifest.h"
#include "ssh/sync/stream.h"

/* A clock that stands still but for what a test says. */
struct hand {
	int64_t ms;
};

static int64_t hand_ms(void *ctx)
{
	return ((struct hand *)ctx)->ms;
}

static void drain(struct stream *stream, struct buf *out)
{
	static char chunk[32 << 10];
	size_t n;

	while ((n = stream_take(stream, chunk, sizeof(chunk))) > 0)
		assert_int_equal(buf_add(out, chunk, n), 0);
}

/* mb of data; each piece costs us work_ms, and the connection wait_ms. The level at the end. */
static int level_after(enum stream_kind kind, bool random, unsigned mb, int64_t work_ms,
		       int64_t wait_ms)
{
	struct hand hand = { .ms = 1000 };
	const struct clock clock = { &hand, hand_ms, hand_ms, NULL };
	struct stream *stream = stream_new(kind, false, &clock);
	struct rng_seeded seeded;
	const struct rng rng = rng_seeded(&seeded, 7);
	char *piece = xcalloc(1, STREAM_PIECE);
	struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;

	for (unsigned i = 0; i < mb * 4; i++) {
		if (random)
			rng.fill(rng.ctx, piece, STREAM_PIECE);
		else
			for (size_t k = 0; k < STREAM_PIECE; k += 64)
				rng.fill(rng.ctx, piece + k, 8);
		assert_int_equal(stream_data(stream, piece, STREAM_PIECE, &err), 0);
		hand.ms += work_ms;
		drain(stream, &out);
		buf_clear(&out);
		hand.ms += wait_ms;
	}
	int level = stream_level(stream);
	stream_free(stream);
	buf_release(&out);
	free(piece);
	return level;
}

static void levels(void **state)
{
	(void)state;
	assert_int_equal(level_after(STREAM_ZSTD, false, 4, 5, 0), 1);
	assert_int_equal(level_after(STREAM_ZSTD, false, 40, 5, 0), 1);
	assert_int_equal(level_after(STREAM_ZSTD, false, 9, 1, 50), 3);
	assert_int_equal(level_after(STREAM_ZSTD, false, 48, 1, 50), STREAM_LEVEL_MAX);
	assert_int_equal(level_after(STREAM_ZSTD, true, 9, 1, 50), STREAM_FAST);
	assert_int_equal(level_after(STREAM_GZIP, true, 9, 1, 50), 0);
	assert_int_equal(level_after(STREAM_GZIP, false, 9, 1, 50), 1);
}

static void put_file(struct stream *stream, const char *path, const char *text, int64_t mtime_ns)
{
	const struct manifest_entry entry = { .path = path,
					      .type = TREE_FILE,
					      .size = strlen(text),
					      .mode = 0640,
					      .mtime_ns = mtime_ns };
	struct error err = ERROR_INIT;

	assert_int_equal(stream_entry(stream, "new", &entry, &err), 0);
	assert_int_equal(stream_data(stream, text, strlen(text), &err), 0);
}

/* Whatever the names, times and owners: tar makes of it what was meant. */
static void others_unpack_it(void **state)
{
	static const struct {
		enum stream_kind kind;
		const char *command;
	} kinds[] = { { STREAM_ZSTD, "zstd -dcq" },
		      { STREAM_GZIP, "gzip -dc" },
		      { STREAM_PLAIN, "cat" } };
	const struct manifest_entry root = { .path = "", .type = TREE_DIR, .mode = 0750 };
	const struct manifest_entry link = { .path = "l\xe9", .type = TREE_LINK, .target = "a\nb" };
	char deep[1200] = "";

	(void)state;
	for (int i = 0; i < 11; i++)
		snprintf(deep + strlen(deep), sizeof(deep) - strlen(deep), "%s%099d", i ? "/" : "",
			 i);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct stream *stream = stream_new(kinds[i].kind, true, &clock_system);
		struct fake_remote fake;
		struct error err = ERROR_INIT;
		struct remote_exit how;
		struct buf out = BUF_INIT;
		char path[100];

		assert_int_equal(stream_entry(stream, "new", &root, &err), 0);
		put_file(stream, "a\nb", "hello", 1234567890123456789);
		put_file(stream, "-\xe9\xff", "", 4000000000000000000);
		put_file(stream, "old", "x", -4000000000);
		put_file(stream, deep, "deep", 5);
		assert_int_equal(stream_entry(stream, "new", &link, &err), 0);
		assert_int_equal(stream_end(stream, &err), 0);
		drain(stream, &out);
		assert_int_equal(stream_bytes(stream), out.len);
		fake_remote_init(&fake);
		snprintf(path, sizeof(path), "%s/stream", fake.home);
		FILE *file = fopen(path, "w");
		assert_non_null(file);
		assert_int_equal(fwrite(out.data, 1, out.len, file), out.len);
		fclose(file);
		char *command = xasprintf(
			"export LC_ALL=C; %s < stream | tar -xpf - --warning=no-unknown-keyword 2>&1 && cd new && "
			"[ \"$(stat -c '%%a %%.9Y' 'a\nb')\" = '640 1234567890.123456789' ] && "
			"[ \"$(cat 'a\nb')\" = hello ] && [ -e ./\"$(printf -- '-\\351\\377')\" ] && "
			"[ \"$(stat -c %%Y old)\" = -4 ] && [ \"$(cat %s)\" = deep ] && [ \"$(stat -c %%a .)\" = 750 ] && "
			"[ \"$(readlink \"$(printf 'l\\351')\")\" = 'a\nb' ]",
			kinds[i].command, deep);
		struct remote *remote = fake_remote_open(&fake);
		assert_int_equal(fake_remote_ops.exec(remote, command, NULL, 0, &how, &err), 0);
		assert_int_equal(how.code, 0);
		free(command);
		fake_remote_ops.close(remote);
		if (kinds[i].kind == STREAM_PLAIN) {
			char hex[65];

			stream_sha256(stream, hex);
			command = xasprintf("echo '%s  stream' | sha256sum -c -", hex);
			remote = fake_remote_open(&fake);
			assert_int_equal(fake_remote_ops.exec(remote, command, NULL, 0, &how, &err),
					 0);
			assert_int_equal(how.code, 0);
			fake_remote_ops.close(remote);
			free(command);
		}
		fake_remote_release(&fake);
		buf_release(&out);
		stream_free(stream);
	}
}

/* Given up in the middle of an entry of any size: nothing hangs, nothing leaks. */
static void given_up(void **state)
{
	const struct manifest_entry entry = {
		.path = "x", .type = TREE_FILE, .size = (uint64_t)1 << 60, .mode = 0644
	};
	struct stream *stream = stream_new(STREAM_ZSTD, true, &clock_system);
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(stream_entry(stream, "new", &entry, &err), 0);
	assert_int_equal(stream_data(stream, "abc", 3, &err), 0);
	stream_free(stream);
	stream_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels),
		cmocka_unit_test(others_unpack_it),
		cmocka_unit_test(given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
