/* SPDX-License-Identifier: Apache-2.0 */
#include "core/parallel.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "core/mem.h"

struct pool {
	char *items;
	size_t n, item_size;
	parallel_fn fn;
	void *ctx;
	atomic_size_t next;
};

static void *work(void *arg)
{
	struct pool *pool = arg;
	size_t i;

	while ((i = atomic_fetch_add(&pool->next, 1)) < pool->n)
		pool->fn(pool->ctx, pool->items + i * pool->item_size);
	return NULL;
}

/* The threads inherit a full mask, so that Ctrl-C wakes the one that waits for it. */
static size_t start(struct pool *pool, pthread_t *threads, size_t n)
{
	sigset_t all, before;
	size_t started = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (started < n && pthread_create(&threads[started], NULL, work, pool) == 0)
		started++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return started;
}

void parallel_for(void *items, size_t n, size_t item_size, size_t width, parallel_fn fn, void *ctx)
{
	struct pool pool = { .items = items, .n = n, .item_size = item_size, .fn = fn, .ctx = ctx };

	if (width > n)
		width = n;
	pthread_t *threads = width > 1 ? xcalloc(width - 1, sizeof(*threads)) : NULL;
	size_t started = threads ? start(&pool, threads, width - 1) : 0;
	work(&pool); /* the caller is one of the pool: it goes on even if no thread could be had */
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	free(threads);
}
