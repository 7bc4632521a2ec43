/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aws_spot_history() once, over the network, with time cut as said: what `gpucloud history` spends on
 * asking, without the rest of the program. Credentials and endpoint come from AWS_* variables, the
 * CA from AWS_CA_BUNDLE. Prints JSON.
 * Usage: history_fetch DAYS REGION[,REGION...] TYPE[,TYPE...] [WINDOWS WIDTH]
 * WINDOWS 1 and WIDTH 1: the serial walk from page to page in each region.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/clock.h"
#include "core/host.h"
#include "core/http.h"
#include "core/rng.h"
#include "core/settings.h"
#include "providers/aws/ec2_spot_history.h"

#define LIST_MAX 64

extern char **environ;

static size_t split(char *text, const char **v)
{
	char *rest = text, *word;
	size_t nr = 0;

	while (nr < LIST_MAX && (word = strtok_r(rest, ",", &rest)))
		v[nr++] = word;
	return nr;
}

static void print(const struct spot_history *history, const struct spot_stats *stats,
		  uint64_t attempts, int64_t ms)
{
	struct rusage usage;
	uint64_t points = 0, sum = 0;

	for (size_t i = 0; i < history->nr; i++) {
		points += history->v[i].nr;
		for (size_t j = 0; j < history->v[i].nr; j++)
			sum += (uint64_t)history->v[i].v[j].time * 31 +
			       (uint64_t)history->v[i].v[j].micros;
	}
	getrusage(RUSAGE_SELF, &usage);
	printf("{\"series\": %zu, \"points\": %llu, \"checksum\": \"%llx\", \"failures\": %zu, "
	       "\"windows\": %u, \"requests\": %u, \"attempts\": %llu, \"longest\": %u, "
	       "\"wall_ms\": %lld, \"max_rss_kib\": %ld}\n",
	       history->nr, (unsigned long long)points, (unsigned long long)sum,
	       history->nr_failures, stats->windows, stats->requests, (unsigned long long)attempts,
	       stats->longest, (long long)ms, usage.ru_maxrss);
}

static int fetch(const struct provider_env *env, const struct spot_query *query,
		 const struct spot_tuning *tuning, struct error *err)
{
	struct spot_history history = { 0 };
	struct spot_stats stats;
	struct provider *p;
	int rc;

	if (aws_open(env, &p, err))
		return -1;
	int64_t begin = clock_mono_ms(&clock_system);
	rc = ec2_spot_history_tuned(p, query, tuning, &stats, &history, err);
	if (rc == 0)
		print(&history, &stats, http_attempts(env->http),
		      clock_mono_ms(&clock_system) - begin);
	spot_history_release(&history);
	aws_close(p);
	return rc;
}

int main(int argc, char **argv)
{
	const char *regions[LIST_MAX], *types[LIST_MAX], *ca = getenv("AWS_CA_BUNDLE");
	struct spot_tuning tuning = spot_tuning_default;
	struct spot_query query = { .regions = regions, .types = types };
	struct error err = ERROR_INIT;
	int rc;

	if (argc < 4) {
		fprintf(stderr, "usage: history_fetch DAYS REGIONS TYPES [WINDOWS WIDTH]\n");
		return 2;
	}
	query.until = clock_now_ms(&clock_system) / 1000;
	query.since = query.until - strtol(argv[1], NULL, 10) * 86400;
	query.nr_regions = split(argv[2], regions);
	query.nr_types = split(argv[3], types);
	if (argc > 5) {
		tuning.first_windows = (unsigned)strtoul(argv[4], NULL, 10);
		tuning.width = (unsigned)strtoul(argv[5], NULL, 10);
		tuning.long_pages = tuning.first_windows > 1 ? tuning.long_pages : 0;
	}
	struct settings *settings = settings_new((const char *const *)environ);
	struct http *http = http_new(http_transport_curl(&clock_system, ca, "gpucloud-bench"),
				     &clock_system, &rng_system);
	const struct provider_env env = {
		.http = http,
		.clock = &clock_system,
		.rng = &rng_system,
		.settings = settings,
		.host = &host_system,
		.home = "/nonexistent",
	};
	rc = fetch(&env, &query, &tuning, &err);
	if (rc)
		fprintf(stderr, "history_fetch: %s\n", err.message);
	http_free(http);
	settings_free(settings);
	return rc ? 1 : 0;
}
