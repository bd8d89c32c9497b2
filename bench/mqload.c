/* mqload: publishes SenML readings over many MQTT connections; one thread, epoll.
 *
 *   cc -O2 -o mqload mqload.c
 *   mqload -P port [-c connections] [-s sensors per connection] [-d sensors per device] [-n messages]
 *          [-r messages a second, 0: flat out] [-t seconds after which no more is sent]
 *          [-W unanswered messages a connection]
 *          [-o ms that the site's clock is ahead] [-i client prefix]
 *          [-a file of what was acknowledged] [-l file of what was sent] [-R]
 *
 * Connection g is the gateway of site `s0000g`; its messages are dealt over its sensors `c000`,
 * `c001`, ... in turn, QoS 1, MQTT 3.1.1, one reading each. The sensors are channels of devices
 * `d-0000g-000`, `d-0000g-001`, ...:
 *
 *   ridgewatch/s00012/d-00012-000/senml
 *   [{"bn":"d-00012-000:","bt":1647820800.123,"n":"c045","u":"mm","v":0.512}]
 *
 * A message is a copy of one that was encoded before, with its digits filled in: some 50 ns. Its time
 * is that of sending.
 * Two readings of one sensor never carry the same millisecond.
 *
 * With -r a message is due at its place in the second, and its latency is counted from there: what
 * waits in the sender waits too. With -R a lost connection is made again, and what it left
 * unanswered is sent again, marked as a repeat. SIGINT ends the sending; what is unanswered is
 * waited for. Standard output gets one line of JSON; progress
 * ("connected") goes to standard error. Files hold records of u32 sensor number, u64 ms.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD = 192, LARGEST = 256, IN = 4096, ROOM = 16384, BURST = 16, BUCKETS = 64 * 64 };
static const uint64_t SECOND = 1000000000ull;

typedef struct { uint64_t due; uint64_t at_ms; uint32_t turn; uint8_t busy; } Slot;

typedef struct {
    int fd, number, waits_to_write;
    uint64_t turns, newest_ms, floor_ms, again_at;
    uint32_t unanswered;
    uint8_t in[IN], out[ROOM];
    size_t in_size, out_size;
    Slot *slots;
} Gateway;

/* All names have a fixed width, so one head differs from another in its digits alone. */
static uint8_t head[HEAD];
static size_t before_id, before_time, topic_site, topic_device, pack_device;
static int port = 1883, gateways = 1, sensors = 200, channels, window = 100, reconnects;
static long total = 100000;
static double rate, most_seconds;
static int64_t ahead_ms;
static volatile sig_atomic_t enough;
static const char *prefix = "gw";
static FILE *answered_file, *sent_file;
static int poller;
static uint64_t histogram[BUCKETS], measured, longest_us;
static long sent, answered, repeated, reconnected;

static uint64_t now(clockid_t clock) {
    struct timespec at;
    clock_gettime(clock, &at);
    return at.tv_sec * SECOND + at.tv_nsec;
}

static void die(const char *what) {
    fprintf(stderr, "mqload: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* Latency: 64 steps to each doubling of microseconds, so percentiles are right to 1.6 %. */
static void note_latency(uint64_t ns) {
    uint64_t us = ns / 1000, bucket = us;
    if (us >= 64) {
        int e = 63 - __builtin_clzll(us);
        bucket = (e - 5) * 64 + ((us >> (e - 6)) & 63);
    }
    histogram[bucket]++;
    measured++;
    if (us > longest_us) longest_us = us;
}

static uint64_t percentile(double share) {
    uint64_t wanted = measured * share, seen = 0;
    for (uint64_t b = 0; b < BUCKETS; b++)
        if ((seen += histogram[b]) > wanted)
            return b < 64 ? b : (1ull << (b / 64 + 5)) + ((b & 63) << (b / 64 - 1));
    return longest_us;
}

static uint8_t *put_text(uint8_t *to, const char *text) {
    size_t size = strlen(text);
    *to++ = size >> 8;
    *to++ = size;
    memcpy(to, text, size);
    return to + size;
}

static uint8_t *put_digits(uint8_t *to, uint64_t value, int digits) {
    for (int i = digits; i-- > 0; value /= 10) to[i] = '0' + value % 10;
    return to + digits;
}

/* Remaining length is always from 128 to 16,383 here: two bytes. */
static void prepare(void) {
    uint8_t *end = put_text(head + 3, "ridgewatch/s00000/d-00000-000/senml");
    topic_site = 5 + strlen("ridgewatch/s");
    topic_device = topic_site + strlen("00000/d-");
    before_id = end - head;
    static const char pack[] = "[{\"bn\":\"d-00000-000:\",\"bt\":";
    memcpy(end + 2, pack, sizeof pack - 1);
    pack_device = before_id + 2 + strlen("[{\"bn\":\"d-");
    before_time = before_id + 2 + sizeof pack - 1;
}

static void put_device(uint8_t *to, const Gateway *g, int device) {
    put_digits(to, g->number, 5);
    put_digits(to + 6, device, 3);
}

static size_t encode(const Gateway *g, uint8_t *to, uint32_t turn, uint64_t at_ms, int packet_id, int repeat) {
    int channel = turn % sensors, device = channel / channels;
    memcpy(to, head, before_time);
    put_digits(to + topic_site, g->number, 5);
    put_device(to + topic_device, g, device);
    put_device(to + pack_device, g, device);
    to[before_id] = packet_id >> 8;
    to[before_id + 1] = packet_id;
    uint8_t *end = put_digits(to + before_time, at_ms / 1000, 10);
    *end++ = '.';
    end = put_digits(end, at_ms % 1000, 3);
    memcpy(end, ",\"n\":\"c", 7);
    end = put_digits(end + 7, channel, 3);
    memcpy(end, "\",\"u\":\"mm\",\"v\":0.", 17);
    end = put_digits(end + 17, 500 + turn % 89, 3);
    memcpy(end, "}]", 2);
    size_t left = end + 2 - to - 3;
    to[0] = 0x32 | (repeat ? 8 : 0);
    to[1] = 0x80 | (left & 127);
    to[2] = left >> 7;
    return end + 2 - to;
}

static void record(FILE *file, Gateway *g, const Slot *slot) {
    uint32_t sensor = (uint32_t)g->number * sensors + slot->turn % sensors;
    fwrite(&sensor, sizeof sensor, 1, file);
    fwrite(&slot->at_ms, sizeof slot->at_ms, 1, file);
}

static void want(Gateway *g, int writing) {
    if (g->waits_to_write == writing) return;
    struct epoll_event event = {writing ? EPOLLIN | EPOLLOUT : EPOLLIN, {.ptr = g}};
    epoll_ctl(poller, EPOLL_CTL_MOD, g->fd, &event);
    g->waits_to_write = writing;
}

static void drop(Gateway *g) {
    if (!reconnects) die("a connection was closed");
    close(g->fd);
    g->fd = -1;
    g->in_size = g->out_size = 0;
    g->again_at = now(CLOCK_MONOTONIC) + SECOND / 5;
}

static void flush(Gateway *g) {
    size_t done = 0;
    while (done < g->out_size) {
        ssize_t wrote = write(g->fd, g->out + done, g->out_size - done);
        if (wrote < 0 && errno == EAGAIN) break;
        if (wrote <= 0) return drop(g);
        done += wrote;
    }
    memmove(g->out, g->out + done, g->out_size - done);
    g->out_size -= done;
    want(g, g->out_size > 0);
}

/* Connect and wait for the CONNACK; 0 where nobody listens or answers. */
static int connect_to(Gateway *g) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct timeval patience = {.tv_sec = 10};
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    uint8_t hello[64] = {0x10, 0, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0}, reply[4];
    char client[32];
    snprintf(client, sizeof client, "%s-%05d", prefix, g->number);
    uint8_t *end = put_text(hello + 12, client);
    hello[1] = end - hello - 2;
    if (connect(fd, (void *)&to, sizeof to) || write(fd, hello, end - hello) != end - hello ||
        recv(fd, reply, 4, MSG_WAITALL) != 4 || reply[0] != 0x20 || reply[3] != 0) {
        close(fd);
        return 0;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {EPOLLIN, {.ptr = g}};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    g->fd = fd;
    g->waits_to_write = 0;
    return 1;
}

/* What was left unanswered goes first, oldest first, with its own packet ids. */
static void come_back(Gateway *g) {
    if (!connect_to(g)) {
        g->again_at = now(CLOCK_MONOTONIC) + SECOND / 5;
        return;
    }
    reconnected++;
    uint64_t oldest = g->turns > (uint64_t)window ? g->turns - window : 0;
    for (uint64_t turn = oldest; turn < g->turns; turn++) {
        Slot *slot = &g->slots[turn % window];
        if (!slot->busy || slot->turn != (uint32_t)turn) continue;
        g->out_size += encode(g, g->out + g->out_size, slot->turn, slot->at_ms, turn % window + 1, 1);
        repeated++;
    }
    flush(g);
}

static int can_send(const Gateway *g) {
    return g->fd >= 0 && g->out_size + LARGEST < ROOM && !g->slots[g->turns % window].busy;
}

static void send_one(Gateway *g, uint64_t due, uint64_t wall_ms) {
    if (g->turns % sensors == 0) g->floor_ms = g->newest_ms + 1;
    Slot *slot = &g->slots[g->turns % window];
    slot->at_ms = wall_ms > g->floor_ms ? wall_ms : g->floor_ms;
    slot->turn = g->turns;
    slot->due = due;
    slot->busy = 1;
    if (slot->at_ms > g->newest_ms) g->newest_ms = slot->at_ms;
    g->out_size += encode(g, g->out + g->out_size, slot->turn, slot->at_ms, g->turns % window + 1, 0);
    if (sent_file) record(sent_file, g, slot);
    g->turns++;
    g->unanswered++;
    sent++;
}

static void hear(Gateway *g) {
    ssize_t got = read(g->fd, g->in + g->in_size, IN - g->in_size);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return drop(g);
    g->in_size += got;
    uint64_t at = now(CLOCK_MONOTONIC);
    size_t done = 0;
    for (; g->in_size - done >= 4 && g->in[done] == 0x40; done += 4) {
        int id = g->in[done + 2] << 8 | g->in[done + 3];
        if (id < 1 || id > window || !g->slots[id - 1].busy) continue;
        Slot *slot = &g->slots[id - 1];
        slot->busy = 0;
        g->unanswered--;
        answered++;
        note_latency(at > slot->due ? at - slot->due : 0);
        if (answered_file) record(answered_file, g, slot);
    }
    if (g->in_size > done && g->in[done] != 0x40) die("something else than a PUBACK came");
    memmove(g->in, g->in + done, g->in_size - done);
    g->in_size -= done;
}

static void stop(int number) {
    (void)number;
    enough = 1;
}

static FILE *open_record(const char *path) {
    FILE *file = fopen(path, "ab");
    if (!file) die(path);
    return file;
}

static void read_options(int argc, char **argv) {
    for (int c; (c = getopt(argc, argv, "P:c:s:d:n:r:t:W:o:i:a:l:R")) > 0;) switch (c) {
        case 'P': port = atoi(optarg); break;
        case 'c': gateways = atoi(optarg); break;
        case 's': sensors = atoi(optarg); break;
        case 'd': channels = atoi(optarg); break;
        case 'n': total = atol(optarg); break;
        case 'r': rate = atof(optarg); break;
        case 't': most_seconds = atof(optarg); break;
        case 'W': window = atoi(optarg); break;
        case 'o': ahead_ms = atoll(optarg); break;
        case 'i': prefix = optarg; break;
        case 'a': answered_file = open_record(optarg); break;
        case 'l': sent_file = open_record(optarg); break;
        case 'R': reconnects = 1; break;
        default: exit(2);
    }
    if (channels < 1) channels = sensors;
    if (window < 1 || (reconnects && window * LARGEST > ROOM)) {
        fprintf(stderr, "mqload: a window of %d does not do\n", window);
        exit(2);
    }
}

int main(int argc, char **argv) {
    read_options(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, stop);
    poller = epoll_create1(0);
    prepare();
    Gateway *all = calloc(gateways, sizeof *all);
    for (int i = 0; i < gateways; i++) {
        all[i].number = i;
        all[i].slots = calloc(window, sizeof(Slot));
        if (!connect_to(&all[i])) die("connect");
    }
    fprintf(stderr, "connected\n");
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    uint64_t start = now(CLOCK_MONOTONIC), last = start;
    int turn = 0;
    while (answered < total) {
        uint64_t at = now(CLOCK_MONOTONIC), wall_ms = now(CLOCK_REALTIME) / 1000000 + ahead_ms;
        if (enough || (most_seconds > 0 && at - start > most_seconds * 1e9)) total = sent;
        long allowed = total - sent;
        if (rate > 0) {
            long due = (long)((at - start) * rate / 1e9) + 1 - sent;
            if (due < allowed) allowed = due;
        }
        for (int tried = 0; allowed > 0 && tried < gateways; tried++, turn = (turn + 1) % gateways) {
            Gateway *g = &all[turn];
            if (g->fd < 0) {
                if (at >= g->again_at) come_back(g);
                if (g->fd < 0) continue;
            }
            for (int burst = rate > 0 ? 1 : BURST; burst-- > 0 && allowed > 0 && can_send(g); allowed--) {
                send_one(g, rate > 0 ? start + (uint64_t)(sent * 1e9 / rate) : at, wall_ms);
                tried = 0;
            }
            if (g->out_size && !g->waits_to_write) flush(g);
        }
        if (sent >= total) /* the last answers may be owed on connections that were lost */
            for (int i = 0; i < gateways; i++)
                if (all[i].fd < 0 && all[i].unanswered && at >= all[i].again_at) come_back(&all[i]);
        struct epoll_event events[512];
        int pause_ms = rate > 0 && sent < total ? 1 : reconnects ? 50 : 1000;
        int count = epoll_wait(poller, events, 512, pause_ms);
        for (int k = 0; k < count; k++) {
            Gateway *g = events[k].data.ptr;
            if (g->fd >= 0 && events[k].events & EPOLLOUT) flush(g);
            if (g->fd >= 0 && events[k].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) hear(g);
        }
        if (count > 0) last = now(CLOCK_MONOTONIC);
        else if (now(CLOCK_MONOTONIC) - last > 300 * SECOND) die("no answer for five minutes");
    }
    double seconds = (last - start) / 1e9;
    getrusage(RUSAGE_SELF, &after);
    double cpu = after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_stime.tv_sec +
                 (after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec - before.ru_stime.tv_usec) / 1e6;
    if (answered_file) fclose(answered_file);
    if (sent_file) fclose(sent_file);
    printf("{\"sent\":%ld,\"acknowledged\":%ld,\"repeated\":%ld,\"reconnected\":%ld,\"seconds\":%.6f,\"per_second\":%.1f,"
           "\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,\"cpu_s\":%.3f}\n",
           sent, answered, repeated, reconnected, seconds, answered / seconds,
           percentile(0.5) / 1e3, percentile(0.99) / 1e3, longest_us / 1e3, cpu);
    return 0;
}
