"""Portuguese for what explains the page: how to read it, the glossary, notes, and pictures in words."""

GUIDE: dict[str, str] = {
    # how to read this
    "Limits": "Limites",
    "The model saw single cells of one collection, one stain and one kind of microscope, at a low resolution: other "
    "material may get confident nonsense. It knows parasite or no parasite, not species, stage or count. It is a "
    "research instrument and no basis for a diagnosis or a treatment.": (
        "O modelo só viu células isoladas de uma única coleção, uma única coloração e um único tipo de microscópio, em "
        "baixa resolução: com outro material, pode dar resultados absurdos com toda a confiança. Ele distingue a "
        "presença ou a ausência de parasita, mas não a espécie, o estágio nem a parasitemia. É um instrumento de "
        "pesquisa e não serve de base para diagnóstico nem tratamento."
    ),
    "One network gives two verdicts: a classifier head reads the cell directly, and the likelihood verdict asks under "
    "which class the model can better rebuild the cell from noise. Both percentages were calibrated on patients that "
    "training never saw. Where they disagree, or the classifier is unsure, trust neither.": (
        "Uma mesma rede dá dois veredictos: um classificador lê a célula diretamente, e o veredicto da verossimilhança "
        "pergunta em qual classe o modelo reconstrói melhor a célula a partir do ruído. As duas porcentagens foram "
        "calibradas em pacientes que o treinamento nunca viu. Se discordam, ou se o classificador está incerto, não "
        "confie em nenhum."
    ),
    "ELBO": "ELBO",
    "The ELBO is a lower bound on how probable the model finds this image under a class, in nats; higher is likelier. "
    "Its absolute value says little, so read the difference between the classes, which the same random draws of noise "
    "make far more precise than either value. A difference within twice its standard error (±) is no evidence; more "
    "draws make the error smaller. The ELBO counts all noise levels, most of which do not see a parasite, and may "
    "point another way than the likelihood verdict, which reads only those that tell the classes apart and is what "
    "counts.": (
        "O ELBO é um limite inferior da probabilidade que o modelo dá a esta imagem em uma classe, em nats; quanto "
        "mais alto, mais verossímil. O seu valor absoluto diz pouco: leia a diferença entre as classes, que os mesmos "
        "sorteios de ruído tornam muito mais precisa do que cada valor. Uma diferença menor que duas vezes o seu erro "
        "padrão (±) nada indica; mais sorteios reduzem o erro. O ELBO conta todos os níveis de ruído, a maioria dos "
        "quais não enxerga um parasita, e pode apontar para o lado oposto ao do veredicto da verossimilhança, que lê "
        "só os que separam as classes e é o que conta."
    ),
    "Evidence": "Indícios",
    "The map splits the likelihood verdict over the pixels: orange pixels are rebuilt better when the model "
    "assumes a parasite, blue ones when it assumes none, and without colour there is no evidence. The verdict "
    "adds a constant to their sum, the same for every cell and fitted on patients that training never saw, so a "
    "cell with a little orange can still come out as uninfected. The colours scale with the strongest evidence "
    "in this cell and stay faint where all of it is weak: compare places within a cell, not cells. It shows what "
    "this model relies on, which need not be the parasite.": (
        "O mapa reparte o veredicto da verossimilhança pelos pixels: os pixels laranja são mais bem "
        "reconstruídos quando o modelo supõe um parasita, os azuis quando não supõe nenhum, e sem cor não há "
        "indício. O veredicto soma a eles uma constante, a mesma para toda célula e ajustada em pacientes que o "
        "treino nunca viu: uma célula com um pouco de laranja ainda pode sair como não parasitada. A escala das "
        "cores segue o indício mais forte desta célula e fica pálida quando todos são fracos: compare lugares de "
        "uma mesma célula, não células entre si. O mapa mostra em que este modelo se apoia, o que não é "
        "necessariamente o parasita."
    ),
    "Edit": "Edição",
    "The edit starts from this very cell and changes as little as the model needs to reverse both verdicts, trying "
    "weak settings before strong ones. The change map shows what became darker (purple) or brighter (green); where the "
    "map has no colour the cell stays as it was. An edit that fails the check explains nothing and is marked as "
    "failed.": (
        "A edição parte desta mesma célula e muda só o necessário para o modelo inverter os dois veredictos, tentando "
        "ajustes fracos antes dos fortes. O mapa de mudanças mostra o que ficou mais escuro (roxo) ou mais claro "
        "(verde); onde não há cor, a célula ficou como estava. Uma edição que não passa na verificação nada explica e "
        "é marcada como falha."
    ),
    # glossary
    "AUROC": "AUROC",
    "How often a parasitized cell scores above an uninfected one: 0.5 is chance, 1 is always.": (
        "Com que frequência uma célula parasitada recebe pontuação maior que uma não infectada: 0,5 é o acaso, 1 é "
        "sempre."
    ),
    "Calibrated": "Calibrado",
    "Of the cells that get 90 %, nine in ten are right, on slides like those it was measured on.": (
        "Das células que recebem 90 %, nove em cada dez estão certas, em lâminas como as da medição."
    ),
    "Random samples of noise; a score is the mean over many of them.": (
        "Amostras aleatórias de ruído; uma pontuação é a média de muitas delas."
    ),
    "A lower bound on the log-probability of the picture under a class; all noise levels count alike in it.": (
        "Limite inferior da log-probabilidade da imagem em uma classe; nele todos os níveis de ruído contam igual."
    ),
    "The likelihood verdict split over the pixels: what in the cell speaks for which class.": (
        "O veredicto da verossimilhança repartido pelos pixels: o que, na célula, indica qual classe."
    ),
    "How hard an edit is pushed towards the other class; 1 follows the model, more exaggerates.": (
        "Com que força uma edição é empurrada para a outra classe; 1 segue o modelo, mais exagera."
    ),
    "How much the classifier’s score moves when a pixel does; a common map, shown for comparison.": (
        "Quanto a pontuação do classificador se move quando um pixel muda; um mapa comum, mostrado para comparação."
    ),
    "How well the model explains the cell as one of a class; the second verdict compares two of these.": (
        "Quão bem o modelo explica a célula como membro de uma classe; o segundo veredicto compara duas dessas medidas."
    ),
    "Log-odds": "Log-chance",
    "The unit of evidence: 0 is undecided, +2.2 is nine to one for, −2.2 nine to one against.": (
        "A unidade dos indícios: 0 é indeciso, +2,2 é nove para um a favor, −2,2 nove para um contra."
    ),
    "Luminance": "Luminância",
    "How bright a pixel looks to the eye, from 0 (black) to 255 (white).": (
        "Quão claro um pixel parece ao olho, de 0 (preto) a 255 (branco)."
    ),
    "Nats": "Nats",
    "The unit of the ELBO. A bound’s nats are no odds: hundreds of them are usual, and no certainty.": (
        "A unidade do ELBO. Os nats de um limite não são chances: centenas deles são habituais e não são certeza."
    ),
    "Parasitized, uninfected": "Parasitada, não infectada",
    "With a malaria parasite inside the cell, and without.": "Com um parasita da malária dentro da célula, e sem.",
    "The number that random draws start from; the same seed gives the same figures.": (
        "O número de onde partem os sorteios; a mesma semente dá os mesmos números."
    ),
    "Standard error": "Erro padrão",
    "How far a mean over draws typically lies from the mean over infinitely many.": (
        "A que distância uma média de sorteios costuma ficar da média de infinitos sorteios."
    ),
    "Starting noise": "Ruído inicial",
    "How much of the cell an edit first dissolves; more noise allows larger changes.": (
        "Quanto da célula a edição primeiro dissolve; mais ruído permite mudanças maiores."
    ),
    "The classifier is not sure enough, or the two verdicts disagree: have such a cell looked at.": (
        "O classificador não está seguro o bastante, ou os dois veredictos discordam: mande examinar a célula."
    ),
    # notes, and pictures in words
    "Dots show each class relative to the mean of both, bars ± one standard error from paired draws. The noise behind "
    "each class’s own error is the same for both, so most of it cancels in the difference. The ELBO weighs all noise "
    "levels alike, most of which do not see a parasite; the likelihood verdict reads those that tell the classes "
    "apart.": (
        "Os pontos mostram cada classe em relação à média das duas, as barras ± um erro padrão dos sorteios pareados. "
        "O ruído por trás do erro próprio de cada classe é o mesmo para as duas: quase todo ele se anula na diferença. "
        "O ELBO pesa igualmente todos os níveis de ruído, a maioria dos quais não enxerga um parasita; o veredicto da "
        "verossimilhança lê os que separam as classes."
    ),
    "For comparison: how strongly each pixel moves the classifier’s score (gradient). It says nothing about the "
    "direction, and a strong gradient beside the stain is common.": (
        "Para comparação: com que força cada pixel move a pontuação do classificador (gradiente). Isso nada diz do "
        "sentido, e um gradiente forte ao lado do corante é comum."
    ),
    "The same cell, seed and direction with half the guidance, and with one and a half times the guidance over a "
    "wider region. The search tries a few strengths only, so that a weaker edit may turn both verdicts too; a "
    "stronger one shows what the model adds or takes away when pushed.": (
        "A mesma célula, semente e direção com metade da orientação, e com uma vez e meia a orientação numa "
        "região mais larga. A procura tenta só algumas forças, por isso uma edição mais fraca também pode mudar os "
        "dois veredictos; uma mais forte mostra o que o modelo acrescenta ou retira quando empurrado."
    ),
    "the cell in {file}": "a célula de {file}",
    "the picture {file}": "a imagem {file}",
    "{file} with the outline of what was found in it": "{file} com o contorno do que foi encontrado",
    "evidence map of {file}: on the whole it speaks for {label}, most strongly at {height} {side}": (
        "mapa de indícios de {file}: no conjunto indica {label}, com mais força {height} {side}"
    ),
    "gradient saliency of {file}: yellow where the classifier’s score depends most on the pixel": (
        "saliência por gradiente de {file}: amarelo onde a pontuação do classificador mais depende do pixel"
    ),
    "map of what changed in {file}, edited to {target}: most at {height} {side}, which became {how}": (
        "mapa do que mudou em {file}, editada para {target}: sobretudo {height} {side}, que ficou {how}"
    ),
    "{file}, edited to {target}": "{file}, editada para {target}",
    "the edit so far": "a edição até agora",
    "brighter": "mais claro",
    "darker": "mais escuro",
    "{name} edit to {target}: {verdict}": "Edição “{name}” para {target}: {verdict}",
    "top": "em cima",
    "middle": "no meio",
    "bottom": "embaixo",
    "left": "à esquerda",
    "centre": "no centro",
    "right": "à direita",
}
