/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model of the cloud: pure. No I/O, no threads, no clock of its own: time is what the last
 * cloud_advance() said, randomness comes from the seed, prices from the market. The same seed and
 * the same requests at the same times give the same replies, byte for byte. Not for concurrent use.
 */
#ifndef GPUCLOUD_SIMULATOR_CLOUD_CLOUD_H
#define GPUCLOUD_SIMULATOR_CLOUD_CLOUD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/http.h"

struct cloud;
struct fault;
struct market;
struct sim_params;

#define CLOUD_BODY_MAX ((size_t)64 << 10) /* of a request */

/*
 * What instances run, if anything does. Called in the middle of requests and of cloud_advance(): it
 * must neither block nor call back. All ids are instances'. NULL in the configuration: state only.
 */
struct cloud_admit { /* what its security groups let in by TCP; of IPv4 */
	uint16_t from, to; /* ports */
	const char *cidr;  /* "203.0.113.0/24" */
};
#define CLOUD_ADMITS_MAX 300

struct cloud_boot { /* valid during the call */
	const char *id;
	const char *gpu; /* "V100" of NVIDIA's, or NULL */
	unsigned gpus, gpu_mem_mib;
	const void *user_data; /* raw */
	size_t len;
	const char *public_key; /* of the launch's key pair, or NULL */
	const char *login;	/* the image's default user; NULL: "ubuntu" */
	const struct cloud_admit *admits;
	size_t nr_admits;
};
struct cloud_machines {
	void *ctx;
	/* It has become running, for the first time or again. address (16 bytes): where it can be
	 * reached, or "" for one of the model's own, where nobody can. */
	void (*boot)(void *ctx, const struct cloud_boot *boot, char *address);
	void (*reboot)(void *ctx, const char *id);
	void (*halt)(void *ctx, const char *id); /* stopped: its disk stays */
	void (*end)(void *ctx, const char *id);
	void (*console)(void *ctx, const char *id, struct buf *out); /* adds at most 64 KiB */
	/* The rules of its security groups have changed: these are all of them now. */
	void (*admit)(void *ctx, const char *id, const struct cloud_admit *v, size_t nr);
};

struct cloud_config {
	uint64_t seed;
	int64_t start;			     /* Unix s */
	struct market *market;		     /* borrowed; outlives the cloud */
	const char *account;		     /* 12 digits; NULL: "123456789012" */
	const char *access_key, *secret_key; /* NULL: "AKIASIMULATOR0000000" and a fixed secret */
	int64_t boot_ms;	  /* pending to running; 0: 2000 ms, half of it more by the seed */
	int64_t end_ms;		  /* shutting-down to terminated, stopping to stopped; 0: 2000 */
	int64_t visible_after_ms; /* a new instance is not described before; 0: at once */
	bool no_default_vpc;	  /* an account without default VPCs */
	/* Of the clouds beside EC2; a read key opens what only looks. NULL: the constants below. */
	const char *paperspace_key, *paperspace_read_key;
	const char *digitalocean_token, *digitalocean_read_token;
	const struct cloud_machines *machines; /* borrowed; may be NULL */
};

#define CLOUD_PAPERSPACE_KEY	      "simulated-paperspace-key"
#define CLOUD_PAPERSPACE_READ_KEY     "simulated-paperspace-read-key"
#define CLOUD_DIGITALOCEAN_TOKEN      "dop_v1_simulated"
#define CLOUD_DIGITALOCEAN_READ_TOKEN "dop_v1_simulated_read"

/* Copies what it keeps. cloud_free(NULL) is fine. */
struct cloud *cloud_new(const struct cloud_config *config);
void cloud_free(struct cloud *cloud);

int64_t cloud_now_ms(const struct cloud *cloud); /* Unix ms, as last advanced */
struct market *cloud_market(const struct cloud *cloud);
const char *cloud_account(const struct cloud *cloud);

/*
 * Moves the model on to now_ms: boots, ends, spot interruptions, in the order they fall due. A time
 * before the present one changes nothing.
 */
void cloud_advance(struct cloud *cloud, int64_t now_ms);
/* When the next change falls due by itself (Unix ms), or -1: nothing is under way. */
int64_t cloud_next_change(const struct cloud *cloud);

/*
 * The machine of that instance has powered itself off: it stops or terminates, as the launch said by
 * InstanceInitiatedShutdownBehavior. Unknown, or not running: nothing happens.
 */
void cloud_machine_off(struct cloud *cloud, const char *id);

/* --- credentials -------------------------------------------------------------------------- */

struct cloud_key {
	char *access_key, *secret_key;
	char *session_token; /* NULL for a long-lived key */
	char *arn;	     /* "arn:aws:iam::123456789012:user/sim" */
	char *user_id;
	int64_t expires_ms; /* 0: never */
};
/* All strings are copied; token may be NULL. A key of that name is replaced. */
const struct cloud_key *cloud_key_add(struct cloud *cloud, const struct cloud_key *key);
const struct cloud_key *cloud_key_find(const struct cloud *cloud, const char *access_key);

/* --- requests ----------------------------------------------------------------------------- */

struct cloud_request {
	const char *method; /* "POST", "GET", "PUT", "PATCH", "DELETE" */
	const char *host;   /* as the Host header said; the URL that was signed is built from it */
	const char *path;   /* "/" as on the wire, without the query */
	const char *query;  /* after '?', as on the wire; "" */
	const struct http_header *headers;
	size_t nr_headers;
	const void *body;
	size_t len;
	bool tls;
	const char *peer_ip; /* "127.0.0.1" */
};

#define CLOUD_ID_MAX 48

#define CLOUD_REPLY_HEADERS 4

struct cloud_reply {
	int status;
	const char *content_type; /* static */
	struct buf body;
	char request_id[CLOUD_ID_MAX];
	const char *id_header; /* static: what it is sent as; NULL: "x-amzn-RequestId" */
	struct {
		const char *name; /* static */
		int64_t value;
	} headers[CLOUD_REPLY_HEADERS]; /* numbers that a cloud tells besides */
	size_t nr_headers;
	int64_t delay_ms;	       /* hold the reply back so long */
	bool cut;		       /* close the connection after cut_after bytes of the body */
	size_t cut_after;	       /* with cut; 0: before even the status line */
};
#define CLOUD_REPLY_INIT         \
	{                        \
		.body = BUF_INIT \
	}
void cloud_reply_release(struct cloud_reply *reply);

/* The whole way of a request: authentication, faults, the service's action. dispatch.c. */
void cloud_handle(struct cloud *cloud, const struct cloud_request *request,
		  struct cloud_reply *reply);

/*
 * EC2, after authentication: region is that of the credential scope. Draws and applies the faults
 * of service "ec2", counts the request, answers with status, body and content type. ec2.c.
 */
void ec2_handle(struct cloud *cloud, const char *region, struct sim_params *params,
		struct cloud_reply *reply);
/* An EC2 error reply in its XML shape; for authentication too. */
void ec2_error(struct cloud *cloud, struct cloud_reply *reply, int status, const char *code,
	       const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* A fresh request id (uuid) from the seed. */
void cloud_request_id(struct cloud *cloud, char out[CLOUD_ID_MAX]);

/* --- what a test may ask ------------------------------------------------------------------ */

/* One more request of that action; ec2_handle does it itself, other services call it. */
void cloud_count(struct cloud *cloud, const char *service, const char *action);
void cloud_each_counter(const struct cloud *cloud,
			void (*fn)(void *ctx, const char *service, const char *action,
				   uint64_t count),
			void *ctx);
uint64_t cloud_counter(const struct cloud *cloud, const char *service, const char *action);

struct cloud_tag {
	char *key, *value;
};

/* One thing ever made. Strings are the cloud's own, valid during the call. */
struct cloud_resource {
	const char
		*kind; /* instance volume network-interface security-group key-pair spot-request
			  elastic-ip snapshot image tag */
	const char *id;
	const char *provider; /* "aws", "paperspace", "digitalocean" */
	const char *region;
	const char *zone;  /* "" where it has none */
	const char *state; /* "running", "in-use", "active", ... */
	const char *type;  /* instance type or volume type, else "" */
	const struct cloud_tag *tags;
	size_t nr_tags;
	int64_t began_ms;
	int64_t ended_ms;     /* 0 while it lives */
	int64_t usd_per_hour; /* micro-dollars billed per hour now */
};
void cloud_each_resource(const struct cloud *cloud,
			 void (*fn)(void *ctx, const struct cloud_resource *resource), void *ctx);

/* --- account limits ----------------------------------------------------------------------- */

enum cloud_quota {	      /* vCPUs, per region */
	CLOUD_QUOTA_STANDARD, /* A, C, D, H, I, M, R, T, Z */
	CLOUD_QUOTA_G,	      /* G and VT */
	CLOUD_QUOTA_P,
	CLOUD_QUOTA_COUNT
};
unsigned cloud_quota(const struct cloud *cloud, enum cloud_quota quota, bool spot);
void cloud_quota_set(struct cloud *cloud, enum cloud_quota quota, bool spot, unsigned vcpus);

#endif
