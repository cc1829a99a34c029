/* A "kernel" that is never run: symbols, program headers and debug information of the shapes that
   structures have. */
enum color { RED = -3, GREEN = 70000 };

typedef struct {
  long counter;
} counter_t;

struct declared_only;

struct inner {
  char name[16];
  struct {
    short deep;
    union {
      int looked_through;
      long long wide;
    };
  };
};

struct outer {
  unsigned char flags : 5, level : 3;
  unsigned long long : 0;
  unsigned long long low : 20, high : 44;
  const struct inner one;
  struct inner many[3];
  volatile counter_t count;
  struct declared_only *elsewhere;
  union {
    int left;
    struct inner *right;
  } named;
  enum color paint;
  int table[4][2];
  long tail[];
};

struct outer shape_outer = {.level = 5};
enum color shape_color = GREEN;

unsigned long init_top_pgt[512] __attribute__((aligned(4096)));
unsigned long page_offset_base = 0xffff888000000000;
unsigned int __pgtable_l5_enabled;

void schedule(void) {}
void _start(void) { schedule(); }
