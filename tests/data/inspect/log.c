/* A "kernel" that is never run, with the log of 4.7 to 4.9. */
struct printk_log {
  unsigned long long ts_nsec;
  unsigned short len, text_len, dict_len;
  unsigned char facility;
  unsigned char flags : 5, level : 3;
};

struct printk_log one_log;
char *log_buf;
unsigned log_buf_len;
unsigned long long log_first_seq, log_next_seq;
unsigned log_first_idx, log_next_idx;
unsigned console_prev;
const char linux_banner[] = "Linux version 4.8.0 (log)\n";
unsigned char printk_time = 1;
int console_printk[4] = {7, 4, 1, 7};
unsigned long init_level4_pgt[512] __attribute__((aligned(4096)));

void vprintk_emit(void) {}
void _start(void) { vprintk_emit(); }
