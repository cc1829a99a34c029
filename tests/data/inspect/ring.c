/* A "kernel" that is never run, with the log of 5.10 and later. Members are in another order than in
   any kernel: what is read by the file's own debug information is found wherever it lies. */
typedef unsigned long long u64;
typedef struct {
  long counter;
} atomic_long_t;

struct prb_data_blk_lpos {
  unsigned long next, begin;
};

struct prb_desc {
  struct prb_data_blk_lpos text_blk_lpos;
  atomic_long_t state_var;
};

struct printk_info {
  u64 ts_nsec, seq;
  unsigned caller_id;
  unsigned short text_len;
  unsigned char facility;
  unsigned char flags : 5, level : 3;
};

struct printk_ringbuffer {
  struct {
    unsigned size_bits;
    char *data;
  } text_data_ring;
  struct {
    struct printk_info *infos;
    struct prb_desc *descs;
    atomic_long_t tail_id, head_id;
    unsigned count_bits;
  } desc_ring;
};

struct printk_ringbuffer printk_rb;
struct printk_ringbuffer *prb = &printk_rb;
struct prb_desc one_desc;
struct printk_info one_info;
const char linux_banner[] = "Linux version 5.10.0 (ring)\n";
unsigned char printk_time = 1;
unsigned char ignore_loglevel;
int console_printk[4] = {7, 4, 1, 7};
unsigned long page_offset_base = 0xffff888000000000;
unsigned long init_top_pgt[512] __attribute__((aligned(4096)));

static int print_caller(void) { return 1; }
void vprintk_emit(void) { print_caller(); }
void _start(void) { vprintk_emit(); }
