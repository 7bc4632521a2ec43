/* SPDX-License-Identifier: Apache-2.0 */
/* A journal in a folder of its own, with a clock that is set by hand. */
#ifndef GPUCLOUD_TESTS_UNIT_JOURNAL_FIXTURE_H
#define GPUCLOUD_TESTS_UNIT_JOURNAL_FIXTURE_H

#include <stdint.h>

#include "core/clock.h"
#include "core/error.h"
#include "fleet/journal.h"

#define T   INT64_C(1600000000)
#define DAY INT64_C(86400)

struct fixture {
	char dir[64];
	char *path;
	int64_t now_ms;
	struct clock clock;
	struct journal *journal;
};

/* For cmocka: *state is a struct fixture. */
int journal_fixture_enter(void **state);
int journal_fixture_leave(void **state);

/* Opens it, again where it is open. The first fails the test where it cannot be; the second where it
 * can. */
struct journal *journal_fixture_open_it(struct fixture *fixture);
struct error journal_fixture_not_opened(struct fixture *fixture);

/* Beside it: SQL, and SQL that gives one number. */
void journal_fixture_sql(struct fixture *fixture, const char *text);
int64_t journal_fixture_number(struct fixture *fixture, const char *text);

/* A launch of that id, not claimed. */
void journal_fixture_begin(struct journal *journal, const char *id, int64_t began);

/* Makes the tables as version 1 did, with one launch open, one live and one ended. */
extern const char journal_version_1[], journal_version_2[];

#endif
