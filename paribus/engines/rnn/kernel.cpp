// Recurrent layers of many replicates at once: forward, and backward through time.
//
// A block of at most 32 rows of one replicate's batch goes through all layers, time by time, so that weights and states
// stay in the first caches; replicates and blocks know nothing of each other, and each number is computed by the same
// operations in the same order whoever else is there. Vectors run along the hidden units, whose number is padded to
// whole vectors within this file. Equations and the order of gates are those of torch.nn.RNN, LSTM and GRU.
//
// Plain C interface over raw memory: `paribus_recurrent_forward` and `paribus_recurrent_backward` below.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif

// As many rows as leave room in the registers for two vectors each: 32 registers, or 16.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int TILE_ROWS = 8;
#else
constexpr int TILE_ROWS = 4;
#endif

#ifdef PARIBUS_DOUBLE
using real = double;
#else
using real = float;
#endif
using Index = std::int64_t;
constexpr Index BLOCK_ROWS = 32;

// What is computed; mirrored in native.py. Strides count elements; what has none is contiguous.
struct Job {
  Index cell, replicates, time, batch, inputs, hidden, layers, threads, keep;
  const void *x;                           // (replicate, time, batch, feature), features contiguous
  Index x_replicate, x_time, x_batch;
  const void *const *weights;              // of each layer: ih, hh, bias_ih, bias_hh; null where there is none
  const Index *weight_replicate;           // stride of each from one replicate to the next
  const void *h, *c;                       // initial states, (replicate, layer, batch, hidden)
  void *saved;                             // replicates * batch * time * layers * Cell::saved * padded hidden
  void *output, *last_h, *last_c;          // (replicate, time, batch, hidden) and as the initial states
  const void *d_output, *d_last_h, *d_last_c;  // any may be null
  Index d_output_replicate, d_output_time, d_output_batch;
  void *d_x, *d_h, *d_c;                   // d_x may be null
  void *const *d_weights;                  // as weights, contiguous
};

namespace {

// ---- numbers ---------------------------------------------------------------------------------------------------------

typedef real vec __attribute__((vector_size(VECTOR_BYTES)));
constexpr Index LANES = sizeof(vec) / sizeof(real), PANEL = 2 * LANES;

#ifdef PARIBUS_DOUBLE
typedef std::int64_t bits __attribute__((vector_size(VECTOR_BYTES)));
constexpr int MANTISSA = 52, EXPONENT_BIAS = 1023, TERMS = 13;
constexpr real TO_INTEGER = 6755399441055744.0;  // 1.5 * 2^52: adding it leaves an integer in the lowest bits
constexpr real LN2_HIGH = 6.93145751953125e-1, LN2_LOW = 1.42860682030941723212e-6;
constexpr real LARGEST = 709, SATURATED = 20;
#else
typedef std::int32_t bits __attribute__((vector_size(VECTOR_BYTES)));
constexpr int MANTISSA = 23, EXPONENT_BIAS = 127, TERMS = 7;
constexpr real TO_INTEGER = 12582912;  // 1.5 * 2^23
constexpr real LN2_HIGH = 0.693359375f, LN2_LOW = -2.12194440e-4f;
constexpr real LARGEST = 88, SATURATED = 10;
#endif

struct Series {
  real coefficient[TERMS + 1];  // 1 / k!
  constexpr Series() : coefficient{1} {
    double factorial = 1;
    for (int k = 1; k <= TERMS; k++) coefficient[k] = real(1 / (factorial *= k));
  }
};
constexpr Series SERIES;

inline vec load(const real *from) {
  vec v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

inline void store(real *to, vec v) { std::memcpy(to, &v, sizeof v); }

// exp(x) - 1 = 2^n e^r - 1 with |r| <= ln(2) / 2, where e^r - 1 is its series, which ends where the next term is below
// half a unit in the last place. x must lie within +-LARGEST or be NaN, which it then is.
inline vec expm1(vec x) {
  const vec shifted = x * real(1.44269504088896340736) + TO_INTEGER, whole = shifted - TO_INTEGER;
  const vec r = (x - whole * LN2_HIGH) - whole * LN2_LOW;
  vec sum = r * SERIES.coefficient[TERMS] + SERIES.coefficient[TERMS - 1];
#pragma GCC unroll 16
  for (int k = TERMS - 2; k >= 1; k--) sum = sum * r + SERIES.coefficient[k];
  sum *= r;
  const bits n = (bits)shifted - (bits)(vec{} + TO_INTEGER);
  const vec scale = (vec)((n + EXPONENT_BIAS) << MANTISSA);
  return scale * sum + (scale - real(1));
}

// Comparisons with NaN are false, so that it stays.
inline vec at_most(vec x, real limit) { return x > limit ? vec{} + limit : x; }

inline vec tanh(vec x) {
  const bits minus = (bits)-vec{};
  const vec e = expm1(real(2) * at_most((vec)((bits)x & ~minus), SATURATED));
  return (vec)((bits)(e / (e + real(2))) | ((bits)x & minus));
}

inline vec sigmoid(vec x) { return real(1) / (expm1(at_most(-at_most(x, LARGEST), LARGEST)) + real(2)); }

// ---- products --------------------------------------------------------------------------------------------------------

// The sum over g and k of a(m, g, k) w(g, k, n): `groups` times `length` terms.
// a is at a[m * rows + g * group + k], or transposed at a[m + k * rows]; w in panels of two vectors' width.
struct Term {
  const real *a;
  Index rows;
  const real *w;
  Index panel, width;  // from one panel to the next, and from one k to the next
  Index length, groups = 1, group = 0;
};

template <bool transposed, int M, int N>
inline void tile(real *out, Index out_rows, const real *start, Index start_rows, const Term *terms, int count,
                 Index m0, Index n0) {
  vec sum[M][N];
#pragma GCC unroll 8
  for (int m = 0; m < M; m++)
#pragma GCC unroll 8
    for (int n = 0; n < N; n++)
      sum[m][n] = start ? load(start + (m0 + m) * start_rows + n0 + n * LANES) : vec{};
  for (int i = 0; i < count; i++) {
    const Term &term = terms[i];
    const real *w = term.w + n0 / PANEL * term.panel;
    const Index rows = term.rows;
    for (Index g = 0; g < term.groups; g++) {
      const real *a = term.a + (transposed ? m0 : m0 * rows) + g * term.group;
      for (Index k = 0; k < term.length; k++, w += term.width, a += transposed ? rows : 1) {
        vec wide[N];
#pragma GCC unroll 8
        for (int n = 0; n < N; n++) wide[n] = load(w + n * LANES);
#pragma GCC unroll 8
        for (int m = 0; m < M; m++) {
          const real one = a[transposed ? m : m * rows];
#pragma GCC unroll 8
          for (int n = 0; n < N; n++) sum[m][n] += one * wide[n];
        }
      }
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < M; m++)
#pragma GCC unroll 8
    for (int n = 0; n < N; n++) store(out + (m0 + m) * out_rows + n0 + n * LANES, sum[m][n]);
}

template <bool transposed, int N>
inline void column(Index M, real *out, Index out_rows, const real *start, Index start_rows, const Term *terms,
                   int count, Index n0) {
  Index m = 0;
  for (; m + TILE_ROWS <= M; m += TILE_ROWS)
    tile<transposed, TILE_ROWS, N>(out, out_rows, start, start_rows, terms, count, m, n0);
  if constexpr (TILE_ROWS > 4)
    for (; m + 4 <= M; m += 4) tile<transposed, 4, N>(out, out_rows, start, start_rows, terms, count, m, n0);
  for (; m < M; m++) tile<transposed, 1, N>(out, out_rows, start, start_rows, terms, count, m, n0);
}

// out(m, n) = start(m, n) + the terms, for M rows and N columns; N is a multiple of a vector, a null start is zero.
template <bool transposed>
__attribute__((noinline)) void multiply(Index M, Index N, real *out, Index out_rows, const real *start,
                                        Index start_rows, const Term *terms, int count) {
  Index n = 0;
  for (; n + PANEL <= N; n += PANEL)
    column<transposed, 2>(M, out, out_rows, start, start_rows, terms, count, n);
  if (n < N) column<transposed, 1>(M, out, out_rows, start, start_rows, terms, count, n);
}

// ---- cells -----------------------------------------------------------------------------------------------------------
//
// Each works on rows of `width` gates of `units` numbers. Inputs feed the first `gates` of them and the state the
// `gates` from `from_state` on; a gate fed by both adds them. `inputs[g]` is where torch has gate g among its own, as
// seen from the inputs, `states[g]` as seen from the state. `saved` counts what is kept a unit: the gates after
// activation, the cell state if there is one, and last the state, which in the simplest cell is its only gate.
//
// forward takes gates before activation; backward turns dh, the state's gradient, into what of it passes by the gates
// (nothing if not `direct`), dc likewise, and leaves the gates' gradients in d.

struct State {
  real *gates, *c, *h;
  const real *c_before, *h_before;
};

template <bool relu> struct Simple {
  static constexpr Index gates = 1, width = 1, from_state = 0, saved = 1;
  static constexpr bool direct = false, has_c = false;
  static constexpr Index inputs[] = {0}, states[] = {0};

  static void forward(const State &s, Index rows, Index units) {
    for (Index j = 0; j < rows * units; j += LANES) {
      const vec z = load(s.h + j);
      // Written so that NaN is kept.
      store(s.h + j, relu ? (z <= vec{} ? vec{} : z) : tanh(z));
    }
  }

  static void backward(const State &s, real *dh, real *, real *d, Index rows, Index units) {
    for (Index j = 0; j < rows * units; j += LANES) {
      const vec h = load(s.h + j), g = load(dh + j);
      store(d + j, relu ? (h <= vec{} ? vec{} : g) : g * (real(1) - h * h));
    }
  }
};

// i, f, g, o; c' = f c + i g; h' = o tanh(c').
struct Lstm {
  static constexpr Index gates = 4, width = 4, from_state = 0, saved = 6;
  static constexpr bool direct = false, has_c = true;
  static constexpr Index inputs[] = {0, 1, 2, 3}, states[] = {0, 1, 2, 3};

  static void forward(const State &s, Index rows, Index units) {
    for (Index row = 0; row < rows; row++)
      for (Index j = 0; j < units; j += LANES) {
        real *z = s.gates + row * 4 * units + j;
        const Index at = row * units + j;
        const vec i = sigmoid(load(z)), f = sigmoid(load(z + units));
        const vec g = tanh(load(z + 2 * units)), o = sigmoid(load(z + 3 * units));
        const vec c = f * load(s.c_before + at) + i * g;
        store(z, i), store(z + units, f), store(z + 2 * units, g), store(z + 3 * units, o);
        store(s.c + at, c), store(s.h + at, o * tanh(c));
      }
  }

  static void backward(const State &s, real *dh, real *dc, real *d, Index rows, Index units) {
    const real one = 1;
    for (Index row = 0; row < rows; row++)
      for (Index j = 0; j < units; j += LANES) {
        const real *z = s.gates + row * 4 * units + j;
        real *dz = d + row * 4 * units + j;
        const Index at = row * units + j;
        const vec i = load(z), f = load(z + units), g = load(z + 2 * units), o = load(z + 3 * units);
        const vec t = tanh(load(s.c + at)), up = load(dh + at);
        const vec down = load(dc + at) + up * o * (one - t * t);
        store(dz, down * g * i * (one - i));
        store(dz + units, down * load(s.c_before + at) * f * (one - f));
        store(dz + 2 * units, down * i * (one - g * g));
        store(dz + 3 * units, up * t * o * (one - o));
        store(dc + at, down * f);
      }
  }
};

// n_x, r, z, n_h; n = tanh(n_x + r n_h); h' = n + z (h - n). The first is n after activation; in d the first is the
// gradient of n_x and the last that of n_h.
struct Gru {
  static constexpr Index gates = 3, width = 4, from_state = 1, saved = 5;
  static constexpr bool direct = true, has_c = false;
  static constexpr Index inputs[] = {2, 0, 1}, states[] = {0, 1, 2};

  static void forward(const State &s, Index rows, Index units) {
    for (Index row = 0; row < rows; row++)
      for (Index j = 0; j < units; j += LANES) {
        real *q = s.gates + row * 4 * units + j;
        const Index at = row * units + j;
        const vec r = sigmoid(load(q + units)), z = sigmoid(load(q + 2 * units));
        const vec n = tanh(load(q) + r * load(q + 3 * units));
        store(q, n), store(q + units, r), store(q + 2 * units, z);
        store(s.h + at, n + z * (load(s.h_before + at) - n));
      }
  }

  static void backward(const State &s, real *dh, real *, real *d, Index rows, Index units) {
    const real one = 1;
    for (Index row = 0; row < rows; row++)
      for (Index j = 0; j < units; j += LANES) {
        const real *q = s.gates + row * 4 * units + j;
        real *dq = d + row * 4 * units + j;
        const Index at = row * units + j;
        const vec n = load(q), r = load(q + units), z = load(q + 2 * units), up = load(dh + at);
        const vec dn = up * (one - z) * (one - n * n);
        store(dq, dn);
        store(dq + units, dn * load(q + 3 * units) * r * (one - r));
        store(dq + 2 * units, up * (load(s.h_before + at) - n) * z * (one - z));
        store(dq + 3 * units, dn * r);
        store(dh + at, up * z);
      }
  }
};

// ---- layers ----------------------------------------------------------------------------------------------------------

// Zeroed memory, aligned to a cache line.
struct Memory {
  explicit Memory(Index count) : begin(static_cast<real *>(::operator new(bytes(count), std::align_val_t(64)))) {
    std::memset(begin, 0, bytes(count));
  }
  Memory(const Memory &) = delete;
  ~Memory() { ::operator delete(begin, std::align_val_t(64)); }
  static std::size_t bytes(Index count) { return std::max<std::size_t>(count, 1) * sizeof(real); }
  real *begin;
};

inline Index padded(Index n) { return (n + LANES - 1) / LANES * LANES; }

inline Index panels(Index n) { return (n + PANEL - 1) / PANEL; }

// Some rows of one replicate's batch.
struct Rows {
  Index replicate, first, count;
};

// What both directions know: sizes, and where things are.
template <class Cell> struct Layers {
  const Job &job;
  const Index L, H;
  const Index units;   // hidden units, padded
  const Index across;  // columns of one product, forward
  const Index row;     // numbers in a row of gates
  const Index plane;   // numbers in the states of a block of rows
  Memory initial;      // h of all layers, then c

  explicit Layers(const Job &job)
      : job(job), L(job.layers), H(job.hidden), units(padded(H)), across(Cell::gates * units),
        row(Cell::width * units), plane(std::min(job.batch, BLOCK_ROWS) * units), initial(2 * L * plane) {}

  Index features(Index layer) const { return layer ? H : job.inputs; }

  const real *weight(Index layer, Index which, Index replicate) const {
    const auto *w = static_cast<const real *>(job.weights[4 * layer + which]);
    return w ? w + replicate * job.weight_replicate[4 * layer + which] : nullptr;
  }

  // Blocks of rows as even as can be.
  template <class Function> void each_block(Index replicate, Function function) const {
    const Index count = (job.batch + BLOCK_ROWS - 1) / BLOCK_ROWS;
    for (Index b = 0; b < count; b++) {
      const Index first = b * job.batch / count, next = (b + 1) * job.batch / count;
      function(Rows{replicate, first, next - first});
    }
  }

  const real *input(const Rows &rows, Index time) const {
    return static_cast<const real *>(job.x) + rows.replicate * job.x_replicate + time * job.x_time +
           rows.first * job.x_batch;
  }

  // Where rows begin in what is (replicate, time, batch, width) or, with layers for times, in states.
  Index place(const Rows &rows, Index among, Index index, Index width) const {
    return ((rows.replicate * among + index) * job.batch + rows.first) * width;
  }

  // What a block keeps for backward.
  real *saved(const Rows &rows) const {
    return static_cast<real *>(job.saved) +
           (rows.replicate * job.batch + rows.first) * job.time * L * Cell::saved * units;
  }

  // The part of it that is of one layer and time, of which there are as many as slots.
  State state(real *block, const Rows &rows, Index slot, Index layer) const {
    const Index size = rows.count * units;
    real *at = block + (slot * L + layer) * Cell::saved * size;
    return {at, at + Cell::width * size, at + (Cell::saved - 1) * size, nullptr, nullptr};
  }

  // The same with what was before.
  State state(real *block, const Rows &rows, Index slot, Index before, Index layer, bool first) const {
    State now = state(block, rows, slot, layer);
    const State last = state(block, rows, before, layer);
    now.h_before = first ? initial.begin + layer * plane : last.h;
    now.c_before = first ? initial.begin + (L + layer) * plane : last.c;
    return now;
  }

  // States of all layers, (replicate, layer, batch, hidden), from and to padded rows; zero where there are none.
  void read(real *to, const void *from, const Rows &rows) const {
    if (!from) return (void)std::memset(to, 0, L * plane * sizeof(real));
    for (Index l = 0; l < L; l++) {
      const real *source = static_cast<const real *>(from) + place(rows, L, l, H);
      for (Index i = 0; i < rows.count; i++) {
        real *line = to + l * plane + i * units;
        std::memcpy(line, source + i * H, H * sizeof(real));
        std::memset(line + H, 0, (units - H) * sizeof(real));
      }
    }
  }

  void read_initial(const Rows &rows) {
    read(initial.begin, job.h, rows);
    if (Cell::has_c) read(initial.begin + L * plane, job.c, rows);
  }

  // Rows without their padding.
  static void write(void *to, Index place, const real *from, Index count, Index width, Index padded_width) {
    real *target = static_cast<real *>(to) + place;
    for (Index i = 0; i < count; i++) std::memcpy(target + i * width, from + i * padded_width, width * sizeof(real));
  }
};

// ---- forward ---------------------------------------------------------------------------------------------------------

template <class Cell> struct Forward : Layers<Cell> {
  using Base = Layers<Cell>;
  using Base::job, Base::L, Base::H, Base::units, Base::across, Base::row, Base::plane;

  const Index line;         // of packed weights: whole panels
  std::vector<Index> at;    // where each layer's packed weights begin: of inputs, of states, biases
  Memory packed, scratch;   // scratch: this time and the last one, where nothing is kept

  explicit Forward(const Job &job)
      : Base(job), line(panels(across) * PANEL), at(offsets()), packed(at[L]),
        scratch(job.keep ? 0 : 2 * L * plane * Cell::saved) {}

  std::vector<Index> offsets() const {
    std::vector<Index> at(L + 1, 0);
    for (Index l = 0; l < L; l++) at[l + 1] = at[l] + (this->features(l) + H) * line + row;
    return at;
  }

  void replicate(Index r) {
    for (Index l = 0; l < L; l++) {
      const Index K = this->features(l);
      real *w = packed.begin + at[l];
      pack(w, this->weight(l, 0, r), K, Cell::inputs);
      pack(w + K * line, this->weight(l, 1, r), H, Cell::states);
      pack_bias(w + (K + H) * line, this->weight(l, 2, r), this->weight(l, 3, r));
    }
    this->each_block(r, [&](const Rows &rows) { block(rows); });
  }

  // (gates * hidden, features) into panels of columns, one line a feature.
  void pack(real *to, const real *from, Index features, const Index *order) const {
    for (Index g = 0; g < Cell::gates; g++)
      for (Index j = 0; j < H; j++) {
        const Index n = g * units + j;
        real *column = to + n / PANEL * features * PANEL + n % PANEL;
        const real *source = from + (order[g] * H + j) * features;
        for (Index k = 0; k < features; k++) column[k * PANEL] = source[k];
      }
  }

  void pack_bias(real *to, const real *of_input, const real *of_state) const {
    if (!of_input) return;
    std::memset(to, 0, row * sizeof(real));
    for (Index g = 0; g < Cell::gates; g++)
      for (Index j = 0; j < H; j++) {
        to[g * units + j] += of_input[Cell::inputs[g] * H + j];
        to[(Cell::from_state + g) * units + j] += of_state[Cell::states[g] * H + j];
      }
  }

  void block(const Rows &rows) {
    this->read_initial(rows);
    real *kept = job.keep ? this->saved(rows) : scratch.begin;
    const auto slot = [&](Index time) { return job.keep ? time : time % 2; };
    for (Index t = 0; t < job.time; t++) {
      const real *x = this->input(rows, t);
      for (Index l = 0, x_rows = job.x_batch; l < L; l++, x_rows = units) {
        const State s = this->state(kept, rows, slot(t), slot(t ? t - 1 : 0), l, t == 0);
        step(s, x, x_rows, l, rows.count);
        x = s.h;
        if (t == job.time - 1) write_last(s, rows, l);
      }
      Base::write(job.output, this->place(rows, job.time, t, H), x, rows.count, H, units);
    }
  }

  void step(const State &s, const real *x, Index x_rows, Index l, Index rows) const {
    const Index K = this->features(l);
    const real *w = packed.begin + at[l], *bias = w + (K + H) * line;
    const Term terms[] = {{x, x_rows, w, K * PANEL, PANEL, K},
                          {s.h_before, units, w + K * line, H * PANEL, PANEL, H}};
    if (Cell::from_state == 0) {
      multiply<false>(rows, across, s.gates, row, bias, 0, terms, 2);
    } else {
      multiply<false>(rows, across, s.gates, row, bias, 0, terms, 1);
      for (Index i = 0; i < rows; i++)
        std::memcpy(s.gates + i * row + across, bias + across, (row - across) * sizeof(real));
      real *gates = s.gates + Cell::from_state * units;
      multiply<false>(rows, across, gates, row, gates, row, terms + 1, 1);
    }
    Cell::forward(s, rows, units);
  }

  void write_last(const State &s, const Rows &rows, Index l) const {
    const Index place = this->place(rows, L, l, H);
    Base::write(job.last_h, place, s.h, rows.count, H, units);
    if (Cell::has_c) Base::write(job.last_c, place, s.c, rows.count, H, units);
  }
};

// ---- backward --------------------------------------------------------------------------------------------------------

template <class Cell> struct Backward : Layers<Cell> {
  using Base = Layers<Cell>;
  using Base::job, Base::L, Base::H, Base::units, Base::across, Base::row, Base::plane;

  const Index panel, of_states;  // sizes of packed weights: of one panel, of those that multiply states
  const Index wide;              // inputs, padded
  std::vector<Index> at, sums;   // where each layer's packed weights and sums begin
  Memory packed;                 // weights of states, then of inputs
  Memory sum;                    // gradients of weights of inputs, of states, of biases
  Memory carried;                // gradients of h of all layers, then of c
  Memory d, d_x;                 // gradients of one time's gates and inputs

  explicit Backward(const Job &job)
      : Base(job), panel(Cell::gates * H * PANEL), of_states(panels(H) * panel), wide(padded(job.inputs)), at(L + 1, 0),
        sums(L + 1, 0), packed(measure()), sum(sums[L]), carried(2 * L * plane), d(plane * Cell::width),
        d_x(job.d_x ? plane / units * wide : 0) {}

  bool goes_down(Index layer) const { return layer || job.d_x; }

  Index measure() {
    for (Index l = 0; l < L; l++) {
      at[l + 1] = at[l] + of_states + (goes_down(l) ? panels(this->features(l)) * panel : 0);
      sums[l + 1] = sums[l] + (this->features(l) + H) * across + row;
    }
    return at[L];
  }

  void replicate(Index r) {
    for (Index l = 0; l < L; l++) {
      real *w = packed.begin + at[l];
      pack(w, this->weight(l, 1, r), H, Cell::states);
      if (goes_down(l)) pack(w + of_states, this->weight(l, 0, r), this->features(l), Cell::inputs);
    }
    std::memset(sum.begin, 0, sums[L] * sizeof(real));
    this->each_block(r, [&](const Rows &rows) { block(rows); });
    for (Index l = 0; l < L; l++) write_weights(r, l);
  }

  // (gates * hidden, features) into panels of features, one line a gate's unit.
  void pack(real *to, const real *from, Index features, const Index *order) const {
    for (Index g = 0; g < Cell::gates; g++)
      for (Index j = 0; j < H; j++) {
        const real *source = from + (order[g] * H + j) * features;
        real *line = to + (g * H + j) * PANEL;
        for (Index k = 0; k < features; k++) line[k / PANEL * panel + k % PANEL] = source[k];
      }
  }

  void block(const Rows &rows) {
    this->read_initial(rows);
    real *dh = carried.begin, *dc = dh + L * plane;
    this->read(dh, job.d_last_h, rows);
    if (Cell::has_c) this->read(dc, job.d_last_c, rows);
    for (Index t = job.time - 1; t >= 0; t--) {
      if (job.d_output) add_output(rows, t);
      for (Index l = L - 1; l >= 0; l--) step(rows, t, l);
    }
    for (Index l = 0; l < L; l++) {
      const Index place = this->place(rows, L, l, H);
      Base::write(job.d_h, place, dh + l * plane, rows.count, H, units);
      if (Cell::has_c) Base::write(job.d_c, place, dc + l * plane, rows.count, H, units);
    }
  }

  void add_output(const Rows &rows, Index t) {
    real *dh = carried.begin + (L - 1) * plane;
    const real *from = static_cast<const real *>(job.d_output) + rows.replicate * job.d_output_replicate +
                       t * job.d_output_time + rows.first * job.d_output_batch;
    for (Index i = 0; i < rows.count; i++, dh += units, from += job.d_output_batch) {
      Index j = 0;
      for (; j + LANES <= H; j += LANES) store(dh + j, load(dh + j) + load(from + j));
      for (; j < H; j++) dh[j] += from[j];
    }
  }

  void step(const Rows &rows, Index t, Index l) {
    real *kept = this->saved(rows), *dh = carried.begin + l * plane;
    const State s = this->state(kept, rows, t, t ? t - 1 : 0, l, t == 0);
    if (t > 1) fetch(this->state(kept, rows, t - 2, l).gates, rows.count * Cell::saved * units);
    Cell::backward(s, dh, dh + L * plane, d.begin, rows.count, units);

    const real *w = packed.begin + at[l], *d_state = d.begin + Cell::from_state * units;
    const Term back = {d_state, row, w, panel, PANEL, H, Cell::gates, units};
    multiply<false>(rows.count, units, dh, units, Cell::direct ? dh : nullptr, units, &back, 1);
    const Term down = {d.begin, row, w + of_states, panel, PANEL, H, Cell::gates, units};
    if (l) {
      multiply<false>(rows.count, units, dh - plane, units, dh - plane, units, &down, 1);
    } else if (job.d_x) {
      multiply<false>(rows.count, wide, d_x.begin, wide, nullptr, 0, &down, 1);
      Base::write(job.d_x, this->place(rows, job.time, t, job.inputs), d_x.begin, rows.count, job.inputs, wide);
    }

    const real *x = l ? this->state(kept, rows, t, l - 1).h : this->input(rows, t);
    add_weights(l, {x, l ? units : job.x_batch, d.begin, PANEL, row, rows.count},
                {s.h_before, units, d_state, PANEL, row, rows.count});
  }

  // Ask for memory that is soon needed: going back in time, the processor does not see it coming.
  static void fetch(const real *from, Index count) {
    for (Index i = 0; i < count; i += 64 / Index(sizeof(real))) __builtin_prefetch(from + i, 0, 2);
  }

  // Gradients of weights are summed transposed, so that vectors run along the gates here too.
  void add_weights(Index l, const Term &of_inputs, const Term &of_states) {
    real *inputs = sum.begin + sums[l], *states = inputs + this->features(l) * across, *bias = states + H * across;
    multiply<true>(this->features(l), across, inputs, across, inputs, across, &of_inputs, 1);
    multiply<true>(H, across, states, across, states, across, &of_states, 1);
    for (Index j = 0; j < row; j += LANES) {
      vec total = load(bias + j);
      for (Index i = 0; i < of_inputs.length; i++) total += load(d.begin + i * row + j);
      store(bias + j, total);
    }
  }

  void write_weights(Index r, Index l) const {
    const Index K = this->features(l);
    const real *inputs = sum.begin + sums[l], *states = inputs + K * across, *bias = states + H * across;
    transpose(target(l, 0, r, K), inputs, K, Cell::inputs);
    transpose(target(l, 1, r, H), states, H, Cell::states);
    if (!job.d_weights[4 * l + 2]) return;
    transpose(target(l, 2, r, 1), bias, 1, Cell::inputs);
    transpose(target(l, 3, r, 1), bias + Cell::from_state * units, 1, Cell::states);
  }

  void transpose(real *to, const real *from, Index features, const Index *order) const {
    for (Index g = 0; g < Cell::gates; g++)
      for (Index j = 0; j < H; j++)
        for (Index k = 0; k < features; k++) to[(order[g] * H + j) * features + k] = from[k * across + g * units + j];
  }

  real *target(Index layer, Index which, Index replicate, Index columns) const {
    return static_cast<real *>(job.d_weights[4 * layer + which]) + replicate * Cell::gates * H * columns;
  }
};

// ---- entry -----------------------------------------------------------------------------------------------------------

// Replicates in as many even parts as there are threads; returns whether there was memory enough.
template <class Direction> bool run(const Job &job) {
  const Index parts = std::max<Index>(1, std::min(job.threads, job.replicates));
  std::vector<char> failed(parts, 0);
  const auto part = [&](Index i) {
    const Index from = i * job.replicates / parts, to = (i + 1) * job.replicates / parts;
    try {
      Direction direction(job);
      for (Index r = from; r < to; r++) direction.replicate(r);
    } catch (const std::bad_alloc &) {
      failed[i] = 1;
    }
  };
  std::vector<std::thread> threads;
  for (Index i = 1; i < parts; i++) try {
      threads.emplace_back(part, i);
    } catch (const std::system_error &) {
      part(i);
    }
  part(0);
  for (auto &thread : threads) thread.join();
  return std::none_of(failed.begin(), failed.end(), [](char f) { return f; });
}

template <template <class> class Direction> int enter(const Job &job) {
  try {
    switch (job.cell) {
      case 0: return !run<Direction<Simple<false>>>(job);
      case 1: return !run<Direction<Simple<true>>>(job);
      case 2: return !run<Direction<Lstm>>(job);
      default: return !run<Direction<Gru>>(job);
    }
  } catch (...) {
    return 1;
  }
}

}  // namespace

extern "C" {

// Both return zero, or one where memory could not be had.
int paribus_recurrent_forward(const Job *job) { return enter<Forward>(*job); }
int paribus_recurrent_backward(const Job *job) { return enter<Backward>(*job); }

// How many numbers a vector holds, to which the hidden units are padded.
int paribus_recurrent_lanes() { return int(LANES); }
}
