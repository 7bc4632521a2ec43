/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/serve/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "core/codec.h"
#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/rng.h"
#include "simulator/cloud/cloud.h"
#include "simulator/cloud/fault.h"
#include "simulator/cloud/market.h"
#include "simulator/serve/market_load.h"
#include "simulator/serve/scenario.h"
#include "simulator/serve/server_internal.h"

#define REGION	     "us-east-1"
#define DEFAULT_SEED 1
#define IDLE_S	     120

int64_t server_advance(struct server *server)
{
	int64_t now = clock_now_ms(&clock_system) + server->offset_ms;

	guests_notice(server);
	cloud_advance(server->cloud, now);
	return now;
}

int64_t server_clock_ms(struct server *server)
{
	return clock_now_ms(&clock_system) + server->offset_ms + server->wire.skew_ms;
}

void server_sleep(struct server *server, int64_t ms)
{
	struct timespec until;

	if (ms <= 0)
		return;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(ms / 1000);
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&server->lock);
	while (!server->stopping &&
	       pthread_cond_timedwait(&server->wake, &server->lock, &until) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&server->lock);
}

/* Looks like AWS's: AKIA and 16 of A-Z2-7; 40 characters of base64. New at every start. */
static void make_keys(struct server *server)
{
	char id[17], token[33];
	unsigned char bits[30];
	struct buf secret = BUF_INIT;

	rng_token(&rng_system, id, 16);
	for (char *p = id; *p; p++) {
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	}
	server->access_key = xasprintf("AKIA%s", id);
	rng_system.fill(rng_system.ctx, bits, sizeof(bits));
	base64_encode(&secret, bits, sizeof(bits));
	server->secret_key = xstrdup(secret.data);
	buf_wipe(&secret);
	rng_token(&rng_system, token, 32);
	server->admin_token = xstrdup(token);
}

/* Hexadecimal behind a mark, as those clouds' own keys look. */
static char *make_token(const char *mark, size_t bytes)
{
	unsigned char bits[32];
	struct buf hex = BUF_INIT;
	char *token;

	rng_system.fill(rng_system.ctx, bits, sizeof(bits));
	hex_encode(&hex, bits, bytes);
	token = xasprintf("%s%s", mark, hex.data);
	buf_wipe(&hex);
	return token;
}

static void make_tokens(struct server *server)
{
	server->paperspace_key = make_token("", 15);
	server->paperspace_read_key = make_token("", 15);
	server->digitalocean_token = make_token("dop_v1_", 32);
	server->digitalocean_read_token = make_token("dop_v1_", 32);
	server->facts.paperspace_key = server->paperspace_key;
	server->facts.paperspace_read_key = server->paperspace_read_key;
	server->facts.digitalocean_token = server->digitalocean_token;
	server->facts.digitalocean_read_token = server->digitalocean_read_token;
}

static uint64_t random_seed(void)
{
	uint64_t seed;

	rng_system.fill(rng_system.ctx, &seed, sizeof(seed));
	return seed;
}

static void apply_scenario(struct server *server, const struct scenario *scenario)
{
	for (int i = 0; i < CLOUD_QUOTA_COUNT; i++) {
		for (int spot = 0; spot < 2; spot++) {
			if (scenario->quota[i][spot] >= 0)
				cloud_quota_set(server->cloud, (enum cloud_quota)i, spot,
						(unsigned)scenario->quota[i][spot]);
		}
	}
	for (size_t i = 0; i < scenario->nr_faults; i++)
		server_fault(server, &scenario->faults[i]);
}

void server_fault(struct server *server, const struct any_fault *fault)
{
	if (fault->is_machine)
		machines_fault(server->machines, fault->machine.all ? NULL : fault->machine.id,
			       fault->machine.bits);
	else if (fault->is_wire)
		wire_add(&server->wire, &fault->wire);
	else
		cloud_fault_add(server->cloud, &fault->cloud);
}

static int load_scenario(const char *path, int64_t now_ms, struct scenario *ret, struct error *err)
{
	struct buf text = BUF_INIT_MAX(SCENARIO_BYTES_MAX);
	int rc = file_read(path, SCENARIO_BYTES_MAX, &text, err);

	if (rc == 0)
		rc = scenario_parse(text.data, text.len, path, now_ms, ret, err);
	else
		error_prefix(err, "scenario");
	buf_release(&text);
	return rc;
}

static int make_market(struct server *server, const struct server_config *config, int64_t start,
		       struct error *err)
{
	if (config->market)
		return market_load(config->market, config->as_of, start, &server->market, err);
	server->market = market_world(config->has_seed ? config->seed : DEFAULT_SEED, start);
	return 0;
}

static int make_cloud(struct server *server, const struct server_config *config, struct error *err)
{
	struct scenario scenario = { 0 };
	int64_t now_ms = clock_now_ms(&clock_system);
	struct cloud_config cloud = { .seed = config->has_seed ? config->seed : random_seed(),
				      .start = now_ms / 1000,
				      .access_key = server->access_key,
				      .secret_key = server->secret_key,
				      .paperspace_key = server->paperspace_key,
				      .paperspace_read_key = server->paperspace_read_key,
				      .digitalocean_token = server->digitalocean_token,
				      .digitalocean_read_token = server->digitalocean_read_token,
				      .boot_ms = config->boot_ms,
				      .machines = config->machines == MACHINE_NONE
							  ? NULL
							  : &server->machine_ops };

	if (make_market(server, config, cloud.start, err))
		return -1;
	if (config->scenario && load_scenario(config->scenario, now_ms, &scenario, err))
		return -1;
	cloud.market = server->market;
	if (scenario.has_boot && !config->boot_ms)
		cloud.boot_ms = scenario.boot_ms > 0 ? scenario.boot_ms : 1;
	cloud.visible_after_ms = scenario.visible_after_ms;
	cloud.no_default_vpc = scenario.no_default_vpc;
	server->cloud = cloud_new(&cloud);
	if (config->scenario)
		apply_scenario(server, &scenario);
	scenario_release(&scenario);
	server->facts.started = cloud.start;
	return 0;
}

static int listen_on(struct server *server, uint16_t port, struct error *err)
{
	unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
			 MHD_USE_POLL | MHD_USE_SUPPRESS_DATE_NO_CLOCK |
			 (server->tls ? MHD_USE_TLS : 0);
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(port),
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, server->identity.key.data },
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, server->identity.cert.data },
		{ MHD_OPTION_END, 0, NULL },
	};
	const union MHD_DaemonInfo *info;

	if (!server->tls)
		tls[0].option = MHD_OPTION_END;
	server->daemon = MHD_start_daemon(
		flags, port, NULL, NULL, exchange_handle, server, MHD_OPTION_SOCK_ADDR, &address,
		MHD_OPTION_URI_LOG_CALLBACK, exchange_new, server, MHD_OPTION_NOTIFY_COMPLETED,
		exchange_end, server, MHD_OPTION_CONNECTION_LIMIT, (unsigned)SERVER_LINKS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		SERVER_HEADERS_MAX, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
	if (!server->daemon) {
		error_errno(err, ERROR_IO, "cannot listen on 127.0.0.1:%u", port);
		return port ? error_hint(err, "leave --port out to take a free one") : -1;
	}
	info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
	server->endpoint = xasprintf("%s://127.0.0.1:%u", server->tls ? "https" : "http",
				     info ? info->port : port);
	return 0;
}

static void init_lock(struct server *server)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&server->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&server->wake, &attr);
	pthread_condattr_destroy(&attr);
}

int server_start(const struct server_config *config, struct server **ret, struct error *err)
{
	const struct tls_identity none = TLS_IDENTITY_INIT;
	struct server *server = xcalloc(1, sizeof(*server));

	init_lock(server);
	server->identity = none;
	server->tls = !config->plain_http;
	server->stop = config->stop;
	server->stop_ctx = config->stop_ctx;
	if (guests_start(server, config, err)) {
		server_free(server);
		return -1;
	}
	make_keys(server);
	make_tokens(server);
	/* Clients are told of an authority even where plain HTTP needs none: one shape for all. */
	if (make_cloud(server, config, err) || tls_identity_make(&server->identity, err) ||
	    listen_on(server, config->port, err)) {
		server_free(server);
		return -1;
	}
	guests_pulse(server);
	server->facts.endpoint = server->endpoint;
	server->facts.access_key = server->access_key;
	server->facts.secret_key = server->secret_key;
	server->facts.region = REGION;
	server->facts.admin_token = server->admin_token;
	server->facts.ca_pem = server->identity.ca.data;
	server->facts.ca_len = server->identity.ca.len;
	*ret = server;
	return 0;
}

const struct server_facts *server_facts(const struct server *server)
{
	return &server->facts;
}

void server_free(struct server *server)
{
	if (!server)
		return;
	pthread_mutex_lock(&server->lock);
	server->stopping = true;
	pthread_cond_broadcast(&server->wake);
	pthread_mutex_unlock(&server->lock);
	if (server->daemon)
		MHD_stop_daemon(server->daemon);
	guests_stop(server);
	cloud_free(server->cloud);
	market_free(server->market);
	wire_release(&server->wire);
	tls_identity_release(&server->identity);
	free(server->endpoint);
	free(server->access_key);
	free(server->secret_key);
	free(server->paperspace_key);
	free(server->paperspace_read_key);
	free(server->digitalocean_token);
	free(server->digitalocean_read_token);
	free(server->admin_token);
	pthread_cond_destroy(&server->wake);
	pthread_mutex_destroy(&server->lock);
	free(server);
}
