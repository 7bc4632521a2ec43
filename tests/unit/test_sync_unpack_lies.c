/* SPDX-License-Identifier: Apache-2.0 */
/* Archives that lie, made by hand: each is refused, and leaves nothing that was not asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "unpack_scene.h"

/* Each of these ends it, and leaves nothing that was not asked for. */
struct lie {
	const char *name;
	void (*make)(struct buf *tar);
	const char *says;
};

static void lie_climbs(struct buf *tar)
{
	add_file(tar, "../evil", "x");
}
static void lie_climbs_deep(struct buf *tar)
{
	add_file(tar, "./a/../../evil", "x");
}
static void lie_absolute(struct buf *tar)
{
	add_file(tar, "/tmp/evil", "x");
}
static void lie_other(struct buf *tar)
{
	add_file(tar, "./evil\x1b[2J", "x");
}
static void lie_no_name(struct buf *tar)
{
	add_file(tar, "", "x");
}
static void lie_pax_climbs(struct buf *tar)
{
	add_record(tar, "path", "../../evil");
	add_file(tar, "./a", "hello");
}
static void lie_twice(struct buf *tar)
{
	add_file(tar, "./a", "hello");
	add_file(tar, "./a", "hello");
}
static void lie_back(struct buf *tar)
{
	add_header(tar, '0', "./empty", 0, 5);
	add_file(tar, "./a", "hello");
}
static void lie_hard(struct buf *tar)
{
	add_header(tar, '1', "./a", 0, 5);
}
static void lie_link(struct buf *tar)
{
	add_header(tar, '2', "./a", 0, 5);
}
static void lie_device(struct buf *tar)
{
	add_header(tar, '3', "./a", 0, 5);
}
static void lie_block(struct buf *tar)
{
	add_header(tar, '4', "./a", 0, 5);
}
static void lie_folder(struct buf *tar)
{
	add_header(tar, '5', "./a", 0, 5);
}
static void lie_pipe(struct buf *tar)
{
	add_header(tar, '6', "./a", 0, 5);
}
static void lie_sparse(struct buf *tar)
{
	add_header(tar, 'S', "./a", 5, 5);
}
static void lie_global(struct buf *tar)
{
	add_header(tar, 'g', "./a", 5, 5);
}
static void lie_long_name(struct buf *tar)
{
	add_header(tar, 'L', "././@LongLink", 5, 5);
}
static void lie_pax_sparse(struct buf *tar)
{
	add_record(tar, "GNU.sparse.realsize", "99999999999");
	add_file(tar, "./a", "hello");
}
static void lie_pax_link(struct buf *tar)
{
	add_record(tar, "linkpath", "/etc/passwd");
	add_file(tar, "./a", "hello");
}
static void lie_pax_size(struct buf *tar)
{
	add_record(tar, "size", "99999999999999999999");
	add_file(tar, "./a", "hello");
}
static void lie_pax_time(struct buf *tar)
{
	add_record(tar, "mtime", "1e9");
	add_file(tar, "./a", "hello");
}
static void lie_pax_twice(struct buf *tar)
{
	add_record(tar, "comment", "a");
	add_record(tar, "comment", "b");
	add_file(tar, "./a", "hello");
}
static void lie_pax_end(struct buf *tar)
{
	add_record(tar, "comment", "a");
	add_end(tar, 2);
}
static void lie_pax_length(struct buf *tar)
{
	add_pax(tar, "99 path=x\n", 10);
}
static void lie_pax_nul(struct buf *tar)
{
	add_pax(tar, "11 path=\0x\n", 11);
}
static void lie_pax_huge(struct buf *tar)
{
	add_header(tar, 'x', "x", TAR_PAX_MAX + 1, 0);
}
static void lie_claims(struct buf *tar)
{
	add_header(tar, '0', "./a", ((uint64_t)8 << 30) - 1, 5);
}
static void lie_claims_pax(struct buf *tar)
{
	add_record(tar, "size", "10737418240");
	add_header(tar, '0', "./a", 5, 5);
}
static void lie_sum(struct buf *tar)
{
	add_file(tar, "./a", "hello");
	tar->data[100] ^= 1;
}
static void lie_magic(struct buf *tar)
{
	add_file(tar, "./a", "hello");
	tar->data[257] = 'U';
	set_sum((unsigned char *)tar->data);
}
static void lie_size(struct buf *tar)
{
	add_file(tar, "./a", "hello");
	memset(tar->data + 124, 0xff, 12); /* as GNU writes what is too large for octal */
	set_sum((unsigned char *)tar->data);
}
static void lie_zeros(struct buf *tar)
{
	add_end(tar, 100000);
}
static void lie_after(struct buf *tar)
{
	add_end(tar, 2);
	add_file(tar, "./a", "hello");
}
static void lie_cut(struct buf *tar)
{
	add_file(tar, "./a", "hello");
	tar->len -= 100;
}
static void lie_no_end(struct buf *tar)
{
	add_file(tar, "./a", "hello");
}
static void lie_endless(struct buf *tar)
{
	add_honest(tar);
	for (int i = 0; i < 1000; i++)
		add_data(tar, scene_big, 1500);
}

static void test_lies(void **state)
{
	static const struct lie lies[] = {
		{ "climbs", lie_climbs, "'../evil' was not asked for" },
		{ "climbs deep", lie_climbs_deep, "was not asked for" },
		{ "absolute", lie_absolute, "'/tmp/evil' was not asked for" },
		{ "other", lie_other, "'evil^[[2J' was not asked for" },
		{ "no name", lie_no_name, "was not asked for" },
		{ "pax climbs", lie_pax_climbs, "'../../evil' was not asked for" },
		{ "twice", lie_twice, "'a' comes twice" },
		{ "back", lie_back, "'a' comes twice, or out of its turn" },
		{ "hard link", lie_hard, "'./a' is a hard link" },
		{ "link", lie_link, "is a link" },
		{ "device", lie_device, "is a device" },
		{ "block device", lie_block, "is a device" },
		{ "folder", lie_folder, "is a folder" },
		{ "pipe", lie_pipe, "is a pipe" },
		{ "sparse", lie_sparse, "is sparse" },
		{ "global", lie_global, "unknown kind" },
		{ "long name", lie_long_name, "unknown kind" },
		{ "pax sparse", lie_pax_sparse, "sparse" },
		{ "pax link", lie_pax_link, "link" },
		{ "pax size", lie_pax_size, "a size is no number" },
		{ "pax time", lie_pax_time, "a time is no number" },
		{ "pax twice", lie_pax_twice, "pax header of nothing" },
		{ "pax at the end", lie_pax_end, "does not end" },
		{ "pax length", lie_pax_length, "pax header is damaged" },
		{ "pax NUL", lie_pax_nul, "pax header is damaged" },
		{ "pax huge", lie_pax_huge, "pax header is too large" },
		{ "claims", lie_claims, "listed with 5 bytes and then came with 8589934591" },
		{ "claims by pax", lie_claims_pax, "came with 10737418240" },
		{ "sum", lie_sum, "a header is damaged" },
		{ "magic", lie_magic, "a header is damaged" },
		{ "size", lie_size, "has no size" },
		{ "zeros", lie_zeros, "does not end" },
		{ "after", lie_after, "goes on after its end" },
		{ "cut", lie_cut, "cut off" },
		{ "no end", lie_no_end, "cut off" },
		{ "endless", lie_endless, "a header is damaged" },
	};
	struct scene *scene = *state;

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		for (size_t piece = 1; piece <= 65536; piece *= 256) {
			buf_clear(&scene->tar);
			lies[i].make(&scene->tar);
			if (feed_plain(scene, piece) == 0)
				fail_msg("%s was taken", lies[i].name);
			if (!strstr(scene->err.message, lies[i].says))
				fail_msg("%s: %s", lies[i].name, scene->err.message);
			assert_true(in_stage(scene) <= 4);
			for (const char *c = scene->err.message; *c; c++)
				assert_true((unsigned char)*c >= ' ');
			empty_stage(scene);
		}
	}
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, scene_setup, scene_teardown)
	const struct CMUnitTest tests[] = {
		T(test_lies),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
