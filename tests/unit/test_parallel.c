/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "core/mem.h"
#include "core/parallel.h"

struct item {
	int index;
	int calls;
	bool in_caller;
	bool sigint_blocked;
};

struct shared {
	pthread_t caller;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t active, max_active, wanted;
	int order[64];
	int done;
};

/* Holds the thread until `wanted` of them are here at once, so that the width shows. */
static void visit(void *ctx, void *arg)
{
	struct shared *shared = ctx;
	struct item *item = arg;
	struct timespec until;
	sigset_t mask;
	int rc = 0;

	item->calls++;
	item->in_caller = pthread_equal(pthread_self(), shared->caller);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	item->sigint_blocked = sigismember(&mask, SIGINT);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 20;
	pthread_mutex_lock(&shared->lock);
	if (++shared->active > shared->max_active)
		shared->max_active = shared->active;
	pthread_cond_broadcast(&shared->changed);
	while (shared->max_active < shared->wanted && !rc)
		rc = pthread_cond_timedwait(&shared->changed, &shared->lock, &until);
	if (shared->done < (int)ARRAY_SIZE(shared->order))
		shared->order[shared->done] = item->index;
	shared->done++;
	shared->active--;
	pthread_mutex_unlock(&shared->lock);
}

static void test_every_item_once_and_never_more_than_width(void **state)
{
	static const struct {
		size_t n, width, expect; /* threads at once */
	} cases[] = {
		{ 0, 4, 0 },  { 1, 1, 1 }, { 1, 8, 1 },	   { 5, 0, 1 },	   { 5, 1, 1 },
		{ 20, 4, 4 }, { 4, 4, 4 }, { 3, 1000, 3 }, { 1000, 2, 2 }, { 60, 16, 16 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct shared shared = { .caller = pthread_self(),
					 .lock = PTHREAD_MUTEX_INITIALIZER,
					 .changed = PTHREAD_COND_INITIALIZER,
					 .wanted = cases[i].expect };
		struct item *items = xcalloc(cases[i].n + 1, sizeof(*items));

		for (size_t k = 0; k < cases[i].n; k++)
			items[k].index = (int)k;
		parallel_for(items, cases[i].n, sizeof(*items), cases[i].width, visit, &shared);
		for (size_t k = 0; k < cases[i].n; k++) {
			assert_int_equal(items[k].calls, 1);
			/* Ctrl-C reaches the caller, and nobody else. */
			assert_int_equal(items[k].sigint_blocked, !items[k].in_caller);
			if (cases[i].expect == 1)
				assert_true(items[k].in_caller);
		}
		assert_int_equal(items[cases[i].n].calls, 0);
		assert_int_equal(shared.done, cases[i].n);
		assert_int_equal(shared.max_active, cases[i].expect);
		free(items);
	}
}

static void test_width_one_keeps_the_order(void **state)
{
	struct shared shared = { .caller = pthread_self(),
				 .lock = PTHREAD_MUTEX_INITIALIZER,
				 .changed = PTHREAD_COND_INITIALIZER };
	struct item items[64] = { { .index = 0 } };

	(void)state;
	for (int i = 0; i < 64; i++)
		items[i].index = i;
	parallel_for(items, 64, sizeof(items[0]), 1, visit, &shared);
	for (int i = 0; i < 64; i++)
		assert_int_equal(shared.order[i], i);
}

static void test_signal_mask_is_put_back(void **state)
{
	struct shared shared = { .caller = pthread_self(),
				 .lock = PTHREAD_MUTEX_INITIALIZER,
				 .changed = PTHREAD_COND_INITIALIZER };
	struct item items[8] = { { .index = 0 } };
	sigset_t mask;

	(void)state;
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	parallel_for(items, 8, sizeof(items[0]), 4, visit, &shared);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	assert_true(sigismember(&mask, SIGUSR1));
	assert_false(sigismember(&mask, SIGINT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_item_once_and_never_more_than_width),
		cmocka_unit_test(test_width_one_keeps_the_order),
		cmocka_unit_test(test_signal_mask_is_put_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
